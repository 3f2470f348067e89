namespace Axpo.Core;

/// <summary>A parameter of a tool.</summary>
/// <param name="Name">Name.</param>
/// <param name="JsonType">JSON schema type: <c>string</c>, <c>integer</c>, <c>number</c>, <c>boolean</c>, <c>array</c>.</param>
/// <param name="Required">Whether it must be given.</param>
/// <param name="Description">For the policy.</param>
[GenerateSerializer, Immutable, Alias("axpo.ToolParameter")]
public sealed record ToolParameter([property: Id(0)] string Name, [property: Id(1)] string JsonType, [property: Id(2)] bool Required, [property: Id(3)] string Description)
{
    /// <summary>JSON schema type of the elements of an <c>array</c>; null: any.</summary>
    [Id(4)] public string? ItemType { get; init; }
}

/// <summary>What a policy is told of a tool.</summary>
[GenerateSerializer, Immutable, Alias("axpo.ToolSpec")]
public sealed record ToolSpec([property: Id(0)] string Name, [property: Id(1)] string Description, [property: Id(2)] ToolParameter[] Parameters);

/// <summary>A tool. Stateful tools keep one session an episode; a stateless tool's session may be shared.</summary>
public interface ITool
{
    /// <summary>Name, description, parameters.</summary>
    ToolSpec Spec { get; }

    /// <summary>Whether calls of an episode depend on earlier ones.</summary>
    bool IsStateful { get; }

    /// <summary>Whether it can do nothing without an image of the episode: where nobody says which tools a question offers, one without images does not offer it.</summary>
    bool NeedsImages => false;

    /// <summary>Whether policies do not train with it: it is offered where a question, or <see cref="EvaluationOptions.Tools"/>, names it, and nowhere else.</summary>
    bool IsHeldOut => false;

    /// <summary>
    /// Tries the tool for real (a sandboxed <c>print(1)</c>, a query); called at start for every tool asked for.
    /// </summary>
    Task<ToolProbe> ProbeAsync(CancellationToken cancellationToken);

    /// <summary>Opens a session.</summary>
    /// <exception cref="ToolUnavailableException">Infrastructure failed.</exception>
    Task<IToolSession> OpenAsync(ToolSessionContext context, CancellationToken cancellationToken);
}

/// <summary>A session of a tool; disposing it ends everything it started.</summary>
public interface IToolSession : IAsyncDisposable
{
    /// <summary>
    /// Executes a call. Whatever the policy did wrong (bad arguments, an exception in its code, its own time, memory or output limit) is a
    /// result with <see cref="ToolResult.IsError"/>, never an exception.
    /// </summary>
    /// <param name="invocation">The call.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="ToolUnavailableException">Infrastructure failed; the call may be tried again when <see cref="ToolUnavailableException.IsTransient"/>.</exception>
    Task<ToolResult> InvokeAsync(ToolInvocation invocation, CancellationToken cancellationToken);
}

/// <summary>For whom a session is opened.</summary>
/// <param name="Episode">Episode id; no two live sessions share one.</param>
/// <param name="Chance">Seeds whatever chance the tool offers (PYTHONHASHSEED, <c>random</c>).</param>
public sealed record ToolSessionContext(string Episode, ChanceKey Chance);

/// <summary>A call of a tool.</summary>
/// <param name="Arguments">Arguments as the policy wrote them: a JSON object, unchecked.</param>
public sealed record ToolInvocation(string Arguments)
{
    /// <summary>The run that the episode belongs to: where new images are stored (<see cref="IImageStore.PutAsync"/>).</summary>
    public string Run { get; init; } = "";

    /// <summary>The images that the episode has seen so far, in order: the question's, then those of earlier results. Their indices are what a policy calls them by.</summary>
    public IReadOnlyList<ImageRef> Images { get; init; } = [];
}

/// <summary>What the policy gets back. Two with the same text and images are equal.</summary>
/// <param name="Text">The observation as text; untrusted.</param>
/// <param name="IsError">Whether it reports the policy's own mistake.</param>
[GenerateSerializer, Immutable, Alias("axpo.ToolResult")]
public sealed record ToolResult([property: Id(0)] string Text, [property: Id(1)] bool IsError = false)
{
    /// <summary>New images, in order; a policy that reads text only is shown none, and a tool that answers with any is not for it.</summary>
    [Id(2)] public ImageRef[] Images { get; init; } = [];

    /// <inheritdoc/>
    public bool Equals(ToolResult? other) => other is not null && Text == other.Text && IsError == other.IsError && Images.AsSpan().SequenceEqual(other.Images);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Text, IsError, Images.Length);
}

/// <summary>Whether a tool works here.</summary>
/// <param name="Works">Whether a real call succeeded.</param>
/// <param name="Detail">How it works, or what failed.</param>
/// <param name="Remedy">What to install or change; null if it works.</param>
public sealed record ToolProbe(bool Works, string Detail, string? Remedy = null);

/// <summary>Infrastructure of a tool failed: the episode is not to blame.</summary>
public sealed class ToolUnavailableException : Exception
{
    /// <summary>Creates the exception.</summary>
    public ToolUnavailableException(string message, bool isTransient, Exception? inner = null)
        : base(message, inner) => IsTransient = isTransient;

    /// <summary>Whether trying again may help.</summary>
    public bool IsTransient { get; }
}
