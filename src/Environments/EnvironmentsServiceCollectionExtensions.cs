using Axpo.Environments.Images;
using Axpo.Environments.Suites;
using Axpo.Environments.Suites.Pictures;
using Axpo.Environments.Tools.Images;
using Axpo.Environments.Tools.Search;
using Axpo.Environments.Verifiers;
using Axpo.Environments.Verifiers.ReasoningGym;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Axpo.Environments;

/// <summary>Registers what Axpo ships for policies to do, and what users add.</summary>
public static class EnvironmentsServiceCollectionExtensions
{
    /// <summary>Adds the shipped suites with their teachers, the verifiers, <c>web_search</c>, <c>image_zoom_in</c> and, for evaluation, <c>image_search</c> (which work where an <see cref="IImageStore"/> is registered) and the images of questions. Adding twice changes nothing.</summary>
    /// <param name="services">The collection.</param>
    /// <param name="configure">Changes the defaults.</param>
    public static IServiceCollection AddAxpoEnvironments(this IServiceCollection services, Action<EnvironmentsOptions>? configure = null)
    {
        var options = new EnvironmentsOptions();
        configure?.Invoke(options);
        services.TryAddSingleton(options);
        services.TryAddSingleton(p => p.GetRequiredService<EnvironmentsOptions>().Search);
        services.TryAddSingleton(FactIndex.Shared); // As an instance: a container disposes what it makes, and this one is shared by all.
        services.TryAddSingleton<IQuestionImages, QuestionImages>();
        return services
            .AddTool<WebSearchTool>()
            .AddTool(p => new ZoomTool(p.GetService<IImageStore>()))
            .AddTool(p => new ImageSearchTool(p.GetService<IImageStore>()))
            .AddTaskSuite<MentalArithmetic>()
            .AddTaskSuite<ArithmeticSuite>()
            .AddTaskSuite<CalendarSuite>()
            .AddTaskSuite<FactSuite>()
            .AddTaskSuite(p => Chains(p.GetRequiredService<EnvironmentsOptions>()))
            .AddTaskSuite(_ => new FindDigitSuite())
            .AddTaskSuite(_ => new CompareDigitsSuite())
            .AddTaskSuite(_ => new SumDigitsSuite())
            .AddTaskSuite(_ => new PictureFactSuite())
            .AddVerifier<ExactVerifier>()
            .AddVerifier<NumericVerifier>()
            .AddVerifier<ChoiceVerifier>()
            .AddVerifier<F1Verifier>()
            .AddReasoningGym();
    }

    /// <summary>Adds a suite, and its teacher if it is one.</summary>
    public static IServiceCollection AddTaskSuite<T>(this IServiceCollection services)
        where T : class, ITaskSuite => services.AddTaskSuite(p => ActivatorUtilities.CreateInstance<T>(p));

    /// <summary>Adds a suite that a factory makes, and its teacher if it is one.</summary>
    public static IServiceCollection AddTaskSuite<T>(this IServiceCollection services, Func<IServiceProvider, T> create)
        where T : class, ITaskSuite
    {
        services.TryAddSingleton(create);
        services.TryAddEnumerable(ServiceDescriptor.Singleton<ITaskSuite, T>(p => p.GetRequiredService<T>()));
        if (typeof(ITeacher).IsAssignableFrom(typeof(T)))
        {
            services.TryAddEnumerable(ServiceDescriptor.Singleton<ITeacher, TeacherOf<T>>());
        }

        return services;
    }

    /// <summary>Adds a tool.</summary>
    public static IServiceCollection AddTool<T>(this IServiceCollection services)
        where T : class, ITool => services.AddTool(p => ActivatorUtilities.CreateInstance<T>(p));

    /// <summary>Adds a tool that a factory makes.</summary>
    public static IServiceCollection AddTool<T>(this IServiceCollection services, Func<IServiceProvider, T> create)
        where T : class, ITool
    {
        services.TryAddSingleton(create);
        services.TryAddEnumerable(ServiceDescriptor.Singleton<ITool, T>(p => p.GetRequiredService<T>()));
        return services;
    }

    /// <summary>Adds a verifier.</summary>
    public static IServiceCollection AddVerifier<T>(this IServiceCollection services)
        where T : class, IVerifier
    {
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IVerifier, T>());
        return services;
    }

    private static IServiceCollection AddReasoningGym(this IServiceCollection services)
    {
        if (!services.Any(s => s.ImplementationInstance is ReasoningGymVerifier))
        {
            foreach (var family in ReasoningGymVerifier.Families)
            {
                services.AddSingleton<IVerifier>(new ReasoningGymVerifier(family));
            }
        }

        return services;
    }

    private static FactChainSuite Chains(EnvironmentsOptions options) => new(options.HorizonMin, options.HorizonMax);

    /// <summary>A suite's teacher as a service of its own type, so that registering twice is registering once.</summary>
    private sealed class TeacherOf<T>(T suite) : ITeacher
        where T : class, ITaskSuite
    {
        private readonly ITeacher _teacher = (ITeacher)suite;

        public string Suite => _teacher.Suite;

        public TeacherTrace Demonstrate(Question question, bool useTool, ChanceKey key) => _teacher.Demonstrate(question, useTool, key);
    }
}
