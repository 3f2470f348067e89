using Axpo.Environments.Verifiers;
using Microsoft.Extensions.DependencyInjection;

namespace Axpo.Environments.Tests;

public sealed class EnvironmentsServiceCollectionExtensionsTests
{
    [Fact]
    public async Task What_ships_resolves_once_each_and_works()
    {
        await using var services = new ServiceCollection().AddAxpoEnvironments(o => o.HorizonMax = 3).AddAxpoEnvironments().BuildServiceProvider(validateScopes: true);

        string[] names = ["arithmetic", "calendar", "compare-digits", "fact", "fact-chain", "find-digit", "mental-arithmetic", "picture-fact", "sum-digits"];
        services.GetServices<ITaskSuite>().Select(s => s.Name).Order().ShouldBe(names);
        services.GetServices<ITeacher>().Select(s => s.Suite).Order().ShouldBe(names);
        services.GetServices<ITool>().Select(t => t.Spec.Name).Order().ShouldBe(["image_search", "image_zoom_in", "web_search"]);
        (await services.GetServices<ITool>().Single(t => t.Spec.Name == "image_zoom_in").ProbeAsync(TestContext.Current.CancellationToken)).Detail.ShouldContain("image store");
        services.GetServices<IVerifier>().Select(v => v.Name).Where(n => !n.StartsWith("reasoning_gym:", StringComparison.Ordinal)).Order().ShouldBe(["choice", "exact", "f1", "numeric"]);
        services.GetServices<IVerifier>().Select(v => v.Name).ShouldBeUnique();
        services.GetServices<ITaskSuite>().Single(s => s.Name == "fact-chain").Draw(Split.Train, ChanceKey.Root(1), 60).Max(q => q.Horizon).ShouldBe(3);
        (await services.GetServices<ITool>().Single(t => t.Spec.Name == "web_search").ProbeAsync(TestContext.Current.CancellationToken)).Works.ShouldBeTrue();
    }

    [Fact]
    public async Task Zooming_works_where_images_are_stored_and_suites_draw_in_any_case()
    {
        async Task<bool> Works(IServiceCollection collection)
        {
            await using var services = collection.AddAxpoEnvironments().BuildServiceProvider(validateScopes: true);
            var question = services.GetServices<ITaskSuite>().Single(s => s.Name == "find-digit").Draw(Split.Train, ChanceKey.Root(3), 1)[0];
            (await services.GetRequiredService<IQuestionImages>().ReadAsync(question.Images[0], TestContext.Current.CancellationToken)).Length.ShouldBeGreaterThan(100);
            return (await services.GetServices<ITool>().Single(t => t.Spec.Name == "image_zoom_in").ProbeAsync(TestContext.Current.CancellationToken)).Works;
        }

        (await Works(new ServiceCollection())).ShouldBeFalse();
        (await Works(new ServiceCollection().AddSingleton<IImageStore>(new MemoryImageStore()))).ShouldBeTrue();
    }

    [Fact]
    public void Teachers_found_by_suite_teach_that_suite()
    {
        using var services = new ServiceCollection().AddAxpoEnvironments().BuildServiceProvider();
        foreach (var suite in services.GetServices<ITaskSuite>())
        {
            var question = suite.Draw(Split.Train, ChanceKey.Root(2), 1)[0];
            services.GetServices<ITeacher>().Single(t => t.Suite == suite.Name).Demonstrate(question, useTool: true, ChanceKey.Root(2)).Answer.ShouldBe(question.Answer);
        }
    }

    [Fact]
    public void A_users_own_parts_join_those_that_ship()
    {
        using var services = new ServiceCollection().AddAxpoEnvironments().AddTaskSuite<OwnSuite>().AddVerifier<OwnVerifier>().BuildServiceProvider();

        services.GetServices<ITaskSuite>().Count().ShouldBe(10);
        services.GetServices<ITeacher>().Count().ShouldBe(9);
        services.GetServices<IVerifier>().ShouldContain(v => v is OwnVerifier);
    }

    private sealed class OwnSuite : ITaskSuite
    {
        public string Name => "own";

        public string Category => "reasoning";

        public IReadOnlyList<string> Tools => [];

        public IReadOnlyList<Question> Draw(Split split, ChanceKey key, int count) => [];
    }

    private sealed class OwnVerifier : IVerifier
    {
        private readonly ExactVerifier _exact = new();

        public string Name => "own";

        public ValueTask<Verdict> VerifyAsync(Question question, string answer, CancellationToken cancellationToken) => _exact.VerifyAsync(question, answer, cancellationToken);
    }
}
