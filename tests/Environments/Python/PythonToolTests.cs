using System.Text.Json;
using Axpo.Core;
using Axpo.Environments.Sandbox;
using Axpo.Environments.Tools.Python;
using Shouldly;
using Xunit;

namespace Axpo.Environments.Tests.Python;

/// <summary>Hostile code, really run, in every sandbox that works here; each that does not is skipped visibly.</summary>
public sealed class PythonToolTests : IAsyncLifetime
{
    private readonly Dictionary<string, PythonTool> _tools = new(StringComparer.Ordinal)
    {
        ["bubblewrap"] = Tool("bubblewrap"),
        ["util-linux"] = Tool("util-linux"),
    };

    public static TheoryData<string> Strategies => new("bubblewrap", "util-linux");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Strategies))]
    public async Task Names_live_from_call_to_call_and_values_come_back(string strategy)
    {
        await using var session = await Open(strategy);
        (await Run(session, "x = 20")).Text.ShouldBe("");
        (await Run(session, "print(x + 1)\nx + 2")).Text.ShouldBe("21\n22");
        (await Run(session, "import math; math.comb(40, 20)")).Text.ShouldBe("137846528820");
    }

    [Theory]
    [MemberData(nameof(Strategies))]
    public async Task A_mistake_of_the_code_is_an_error_and_the_session_goes_on(string strategy)
    {
        await using var session = await Open(strategy);
        (await Run(session, "y = 5; print(1 / 0)")).ShouldBe(new ToolResult("ZeroDivisionError: division by zero", true));
        (await Run(session, "def f(:")).Text.ShouldStartWith("SyntaxError");
        (await Run(session, "y")).ShouldBe(new ToolResult("5"));
        (await session.InvokeAsync(new ToolInvocation("""{"cod":"1"}"""), Token)).ShouldBe(new ToolResult("Error: unknown argument 'cod'; python takes code, timeout", true));
        (await session.InvokeAsync(new ToolInvocation("""{"code":"1","timeout":99}"""), Token)).IsError.ShouldBeTrue();
        (await session.InvokeAsync(new ToolInvocation("nonsense"), Token)).Text.ShouldContain("JSON");
    }

    [Theory]
    [MemberData(nameof(Strategies))]
    public async Task The_network_is_not_there(string strategy)
    {
        await using var session = await Open(strategy);
        var result = await Run(session, "import socket\nsocket.create_connection(('127.0.0.1', 22), 2)");
        result.IsError.ShouldBeTrue();
        result.Text.ShouldContain("Error");
        (await Run(session, "import socket; sorted(n for _, n in socket.if_nameindex() if n != 'lo')")).Text.ShouldBe("[]");
    }

    [Theory]
    [MemberData(nameof(Strategies))]
    public async Task Files_outside_are_not_there_and_the_system_cannot_be_written(string strategy)
    {
        var secret = Path.Combine(Path.GetTempPath(), $"axpo-secret-{Guid.NewGuid():N}");
        await File.WriteAllTextAsync(secret, "secret", Token);
        await using var session = await Open(strategy);
        foreach (var path in new[] { "/etc/shadow", "/etc/passwd", "/root", "/home", secret, Environment.CurrentDirectory })
        {
            (await Run(session, $"import os; os.path.exists({JsonSerializer.Serialize(path)})")).Text.ShouldBe("False", path);
        }

        foreach (var path in new[] { "/x", "/usr/x", "/dev/x", "/proc/x", "/bin/x" })
        {
            (await Run(session, $"open('{path}', 'w')")).IsError.ShouldBeTrue(path);
        }

        File.Delete(secret);
    }

    [Theory]
    [MemberData(nameof(Strategies))]
    public async Task The_environment_holds_no_secret_and_the_uid_is_nobodys(string strategy)
    {
        await using var session = await Open(strategy);
        var names = (await Run(session, "import os; print(*sorted(os.environ))")).Text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        names.ShouldBeSubsetOf(["LC_CTYPE", "PATH", "PWD", "PYTHONHASHSEED"]);
        if (Environment.UserName == "root")
        {
            (await Run(session, "os.getuid()")).Text.ShouldBe("65534");
        }
    }

    [Theory]
    [MemberData(nameof(Strategies))]
    public async Task A_fork_bomb_stops_at_the_limit_and_harms_no_other_session(string strategy)
    {
        await using var other = await Open(strategy);
        await using var session = await Open(strategy);
        var result = await Run(session, "import os\nn = 0\nwhile n < 1000:\n    if os.fork() == 0:\n        while True: pass\n    n += 1", 3);
        result.IsError.ShouldBeTrue();
        (await Run(other, "import os; pid = os.fork()\nif pid == 0: os._exit(0)\nos.waitpid(pid, 0)[1]")).Text.ShouldBe("0");
    }

    [Theory]
    [MemberData(nameof(Strategies))]
    public async Task A_memory_bomb_is_a_MemoryError(string strategy)
    {
        await using var session = await Open(strategy);
        (await Run(session, "x = bytearray(4 << 30)")).Text.ShouldStartWith("MemoryError");
        (await Run(session, "1 + 1")).Text.ShouldBe("2");
    }

    [Theory]
    [MemberData(nameof(Strategies))]
    public async Task An_endless_loop_ends_at_its_own_limit_and_a_fresh_session_follows(string strategy)
    {
        await using var session = await Open(strategy);
        await Run(session, "x = 1");
        (await Run(session, "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True:\n    try:\n        while True: pass\n    except BaseException: pass", 1)).Text.ShouldStartWith("TimeoutError");
        (await Run(session, "x")).Text.ShouldStartWith("NameError");
    }

    [Theory]
    [MemberData(nameof(Strategies))]
    public async Task Endless_and_binary_output_and_huge_values_are_cut_off(string strategy)
    {
        await using var session = await Open(strategy);
        (await Run(session, "while True: print('x' * 1000)", 4)).Text.Length.ShouldBeLessThan(4000);
        (await Run(session, "'y' * 1000000")).Text.ShouldEndWith("more bytes cut off]");
        (await Run(session, "import os; os.write(1, bytes(range(256)))")).Text.ShouldContain("256");
        (await Run(session, "raise ValueError('z' * 1000000)")).Text.Length.ShouldBeLessThan(4000);
        (await Run(session, "print('\\ud800')")).Text.ShouldBe("\\ud800");
    }

    [Theory]
    [MemberData(nameof(Strategies))]
    public async Task Signals_reach_nobody_else(string strategy)
    {
        await using var other = await Open(strategy);
        await using var session = await Open(strategy);
        await Run(other, "x = 7");
        await Run(session, "import os, signal\nfor pid in list(range(2, 3000)) + [-1, os.getppid()]:\n    try: os.kill(pid, signal.SIGKILL)\n    except OSError: pass");
        (await Run(other, "x")).Text.ShouldBe("7");
        (await Run(session, "import os; os.kill(1, 9); os.kill(os.getpid(), 9); 5")).Text.ShouldBe("5");
    }

    [Theory]
    [MemberData(nameof(Strategies))]
    public async Task Another_episode_leaves_no_trace(string strategy)
    {
        await using var first = await Open(strategy);
        (await Run(first, "open('/tmp/left', 'w').write('trace'); import builtins; builtins.left = 1")).IsError.ShouldBeFalse();
        await using var second = await Open(strategy);
        (await Run(second, "import os; os.listdir('/tmp'), os.listdir('/proc'), 'left' in dir(__builtins__)")).Text.ShouldBe("([], [], False)");
    }

    [Theory]
    [MemberData(nameof(Strategies))]
    public async Task A_process_left_behind_ends_with_its_session(string strategy)
    {
        var session = await Open(strategy);
        (await Run(session, "import os\nif os.fork() == 0:\n    import ctypes; ctypes.CDLL(None).prctl(1, 0, 0, 0, 0)\n    os.setsid()\n    while True: pass\nprint('parent')")).Text.ShouldBe("parent");
        await session.DisposeAsync();
        await using var next = await Open(strategy);
        (await Run(next, "1")).Text.ShouldBe("1");
    }

    [Theory]
    [MemberData(nameof(Strategies))]
    public async Task Killing_its_own_interpreter_costs_the_session_only(string strategy)
    {
        await using var session = await Open(strategy);
        foreach (var code in new[] { "import os; os._exit(0)", "import os\nfor fd in range(64):\n    try: os.close(fd)\n    except OSError: pass" })
        {
            (await Run(session, code)).IsError.ShouldBeTrue(code);
            (await Run(session, "3")).Text.ShouldBe("3");
        }

        (await Run(session, "import sys; sys.exit(3)")).Text.ShouldBe("SystemExit: 3");
        (await Run(session, "input()")).Text.ShouldStartWith("EOFError");
        (await Run(session, "def f(): f()\nf()")).Text.ShouldStartWith("RecursionError");
        (await Run(session, "class C:\n    def __repr__(self): raise SystemExit('no')\nC()")).Text.ShouldBe("SystemExit: no");
    }

    [Theory]
    [MemberData(nameof(Strategies))]
    public async Task Forged_frames_harm_only_the_session_that_forged_them(string strategy)
    {
        await using var other = await Open(strategy);
        await using var session = await Open(strategy);
        await Run(other, "x = 9");
        await Run(session, "import os\nfor fd in range(3, 64):\n    try: os.write(fd, b'\\xff' * 4096)\n    except OSError: pass", 3);
        (await Run(other, "x")).Text.ShouldBe("9");
        (await Run(session, "4")).Text.ShouldBe("4");
    }

    [Theory]
    [MemberData(nameof(Strategies))]
    public async Task Chance_is_the_episodes_own_and_replays(string strategy)
    {
        const string code = "import random; print(random.random(), hash('a'))";
        await using var one = await Open(strategy, 1);
        await using var again = await Open(strategy, 1);
        await using var two = await Open(strategy, 2);
        var first = (await Run(one, code)).Text;
        (await Run(again, code)).Text.ShouldBe(first);
        (await Run(two, code)).Text.ShouldNotBe(first);
    }

    [Theory]
    [MemberData(nameof(Strategies))]
    public async Task A_sandbox_outlives_the_thread_that_asked_for_it(string strategy)
    {
        var tool = _tools[strategy];
        var probe = await tool.ProbeAsync(Token);
        Assert.SkipUnless(probe.Works, $"{strategy}: {probe.Detail}");
        IToolSession? opened = null;
        var asking = new Thread(() => opened = tool.OpenAsync(new ToolSessionContext("e", ChanceKey.Root(0)), Token).GetAwaiter().GetResult());
        asking.Start();
        asking.Join();
        await using var session = opened!;
        (await Run(session, "2")).Text.ShouldBe("2");
    }

    [Theory]
    [MemberData(nameof(Strategies))]
    public async Task A_session_that_outlives_the_tool_fails_as_infrastructure_and_closes_in_peace(string strategy)
    {
        var session = await Open(strategy);
        await _tools[strategy].DisposeAsync();
        await Should.ThrowAsync<ToolUnavailableException>(() => Run(session, "1"));
        await session.DisposeAsync();
        var another = Tool(strategy);
        var unused = await another.OpenAsync(new ToolSessionContext("e", ChanceKey.Root(0)), Token);
        await another.DisposeAsync();
        await unused.DisposeAsync();
    }

    [Fact]
    public async Task A_sandbox_that_cannot_start_is_infrastructure_and_says_what_to_install()
    {
        await using var tool = new PythonTool(new PythonToolOptions { Sandbox = new SandboxOptions { Python = "/nonexistent/python3" } });
        var probe = await tool.ProbeAsync(Token);
        probe.Works.ShouldBeFalse();
        probe.Remedy!.ShouldContain("apt-get install");
        await Should.ThrowAsync<ToolUnavailableException>(() => tool.OpenAsync(new ToolSessionContext("e", ChanceKey.Root(1)), Token));
    }

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        foreach (var tool in _tools.Values)
        {
            await tool.DisposeAsync();
        }
    }

    private static PythonTool Tool(string strategy) => new(new PythonToolOptions { Sandboxes = 1, Sandbox = new SandboxOptions { Strategy = strategy } });

    private static Task<ToolResult> Run(IToolSession session, string code, double timeout = 10) =>
        session.InvokeAsync(new ToolInvocation(JsonSerializer.Serialize(new { code, timeout })), Token);

    private async Task<IToolSession> Open(string strategy, ulong seed = 0)
    {
        var probe = await _tools[strategy].ProbeAsync(Token);
        Assert.SkipUnless(probe.Works, $"{strategy}: {probe.Detail}");
        return await _tools[strategy].OpenAsync(new ToolSessionContext($"e{seed}", ChanceKey.Root(seed)), Token);
    }
}
