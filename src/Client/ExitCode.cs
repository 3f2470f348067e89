namespace Axpo.Client;

/// <summary>What the console's exit codes mean; the table in docs/console.md is this one.</summary>
internal enum ExitCode
{
    /// <summary>Done as asked.</summary>
    Done = 0,

    /// <summary>It began and failed.</summary>
    Failed = 1,

    /// <summary>The command line, the configuration or a file named by it is wrong; nothing was started.</summary>
    BadInput = 2,

    /// <summary>This machine lacks something (a tool, a port, permission, disk); nothing was started.</summary>
    Environment = 3,

    /// <summary>Stopped by Ctrl-C or a termination signal, cleanly.</summary>
    Stopped = 130,
}
