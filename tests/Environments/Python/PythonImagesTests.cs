using System.Security.Cryptography;
using System.Text.Json;
using Axpo.Environments.Sandbox;
using Axpo.Environments.Tools.Python;
using Axpo.Imaging;

namespace Axpo.Environments.Tests.Python;

/// <summary>Images in and out of sessions of hostile code, in every sandbox that works here.</summary>
public sealed class PythonImagesTests : IAsyncLifetime
{
    /// <summary>Writes a PNG file of a colour, without any library.</summary>
    private const string Draw = """
        import struct, zlib, os
        def chunk(k, d): return struct.pack('>I', len(d)) + k + d + struct.pack('>I', zlib.crc32(k + d))
        def png(w, h, rgb, rows=None):
            return b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', w, h, 8, 2, 0, 0, 0)) + chunk(b'IDAT', zlib.compress((b'\0' + bytes(rgb) * w) * (h if rows is None else rows))) + chunk(b'IEND', b'')
        def draw(name, *what):
            with open('out/' + name, 'wb') as f: f.write(png(*what))
        """;

    /// <summary>Writes to every pipe that the session has.</summary>
    private const string Forge = "import os, struct\ndef forge(b):\n    for fd in range(3, 64):\n        try: os.write(fd, b)\n        except OSError: pass\n";

    private readonly MemoryImageStore _store = new();
    private readonly Dictionary<string, PythonTool> _tools = new(StringComparer.Ordinal);

    public static TheoryData<string> Strategies => new("bubblewrap", "util-linux");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Strategies))]
    public async Task The_code_has_the_files_of_the_episode_to_the_byte_and_new_ones_before_its_next_call(string strategy)
    {
        var gif = Convert.FromBase64String("R0lGODlhAQABAIAAAP///wAAACH5BAAAAAAALAAAAAABAAEAAAICRAEAOw==");
        ImageRef[] seen = [await Put(Noise(700, 500)), await _store.PutAsync("r", gif, Token)];
        await using var session = await Open(strategy);

        (await Run(session, "import hashlib\nx = 5\nprint(images)\nfor p in images: print(hashlib.sha256(open(p, 'rb').read()).hexdigest())", seen[0])).Text
            .ShouldBe($"['/tmp/images/0.png']\n{seen[0].Sha256}");
        (await Run(session, "print(x, images)\nhashlib.sha256(open('images/1.gif', 'rb').read()).hexdigest() == '" + seen[1].Sha256 + "'", seen)).Text
            .ShouldBe("5 ['/tmp/images/0.png', '/tmp/images/1.gif']\nTrue");
        (await Run(session, "len(open(images[0], 'rb').read())", seen)).Text.ShouldBe($"{_store[seen[0]].Length}");
    }

    [Theory]
    [MemberData(nameof(Strategies))]
    public async Task Pictures_in_out_are_the_next_images_of_the_episode(string strategy)
    {
        var seen = await Put(Noise(3, 3));
        await using var session = await Open(strategy);

        var result = await Run(session, Draw + "\ndraw('b.png', 40, 30, (1, 2, 3))\ndraw('a.png', 7, 5, (9, 9, 9))\nprint('drawn')", seen);

        result.ShouldSatisfyAllConditions(
            r => (r.Text, r.IsError).ShouldBe(("drawn\nimage 1\nimage 2", false)),
            r => r.Images.Select(i => (i.Width, i.Height)).ShouldBe([(7, 5), (40, 30)]));
        PictureDecoder.Decode(_store[result.Images[1]].Span).Rgb[..3].ToArray().ShouldBe([1, 2, 3]);
        _store.Runs.ShouldContain("asked");
        (await Run(session, "os.listdir('out'), [os.path.basename(i) for i in images]", [seen, .. result.Images])).ShouldBe(new ToolResult("([], ['0.png', '1.png', '2.png'])"));
        (await Run(session, "draw('c.png', 2, 2, (0, 0, 0))", [seen, .. result.Images])).Text.ShouldBe("image 3");
    }

    [Theory]
    [MemberData(nameof(Strategies))]
    public async Task A_picture_of_the_largest_size_comes_whole(string strategy)
    {
        await using var session = await Open(strategy);
        var result = await Run(session, Draw + "\nb = png(4, 4, (1, 1, 1))\nwith open('out/a.png', 'wb') as f: f.write(b + bytes((8 << 20) - len(b)))\nimport hashlib; print(hashlib.sha256(open('out/a.png', 'rb').read()).hexdigest())", await Put(Noise(3, 3)));

        result.Text.ShouldBe($"{result.Images.ShouldHaveSingleItem().Sha256}\nimage 1");
        Convert.ToHexStringLower(SHA256.HashData(_store[result.Images[0]].Span)).ShouldBe(result.Images[0].Sha256);
    }

    [Theory]
    [InlineData("open('out/a.png', 'wb').write(png(60000, 60000, (0, 0, 0), 1)) * 0", "Error: out/a.png: picture: 60000 x 60000 pixels are more than the 16777216 that are decoded")]
    [InlineData("open('out/a.png', 'w').write('text') * 0", "Error: out/a.png: picture: neither PNG, JPEG, WebP, GIF nor BMP, or damaged at its beginning")]
    [InlineData("open('out/a.png', 'w').close()", "Error: out/a.png: picture: neither PNG, JPEG, WebP, GIF nor BMP, or damaged at its beginning")]
    [InlineData("open('out/a.png', 'wb').write(png(50, 50, (0, 0, 0), 2)) * 0", "Error: out/a.png: picture: the Png file of 50 x 50 pixels is cut off")]
    [InlineData("draw('a.png', 1, 201, (0, 0, 0))", "Error: out/a.png: picture: 1 x 201 pixels: one side is more than 200 times the other")]
    [InlineData("os.symlink('/usr/bin/env', 'out/a.png')", "OSError: out/a.png is no file; links and folders are not followed")]
    [InlineData("os.symlink('/tmp/images/0.png', 'out/a.png')", "OSError: out/a.png is no file; links and folders are not followed")]
    [InlineData("os.mkdir('out/a.png')", "OSError: out/a.png is no file; links and folders are not followed")]
    [InlineData("os.mkfifo('out/a.png')", "OSError: out/a.png is no file; links and folders are not followed")]
    [InlineData("os.rmdir('out'); os.symlink('/usr/lib', 'out')", "OSError: out was no folder; it was made anew")]
    [InlineData("for i in range(5): draw(f'{i}.png', 1, 1, (0, 0, 0))", "OSError: out/ held 5 files; at most 4 a call are shown")]
    [InlineData("f = open('out/a.png', 'wb'); f.truncate((8 << 20) + 1); f.close()", "OSError: out/a.png is larger than 8388608 bytes")]
    public async Task What_is_no_picture_is_the_codes_mistake_and_nothing_is_shown(string code, string message)
    {
        var seen = await Put(Noise(3, 3));
        foreach (var strategy in Strategies.Select(s => s.Data))
        {
            await using var session = await Open(strategy);
            await Run(session, Draw, seen);
            var stored = _store.Runs.Count;

            var result = await Run(session, "print('before')\n" + code, seen);

            result.IsError.ShouldBeTrue(strategy);
            result.Text.Split('\n').ShouldBe(code.EndsWith("* 0", StringComparison.Ordinal) ? ["before", "0", message] : ["before", message], strategy);
            result.Images.ShouldBeEmpty(strategy);
            _store.Runs.Count.ShouldBe(stored, strategy);
            (await Run(session, "draw('z.png', 2, 2, (5, 5, 5))", seen)).Text.ShouldBe("image 1", strategy);
        }
    }

    [Theory]
    [MemberData(nameof(Strategies))]
    public async Task Beside_a_broken_picture_no_other_is_shown(string strategy)
    {
        await using var session = await Open(strategy);
        var result = await Run(session, Draw + "\ndraw('a.png', 2, 2, (5, 5, 5))\nopen('out/b', 'w').close()", await Put(Noise(3, 3)));
        (result.IsError, result.Images.Length).ShouldBe((true, 0));
        result.Text.ShouldStartWith("Error: out/b: ");
    }

    [Theory]
    [MemberData(nameof(Strategies))]
    public async Task What_code_that_fails_has_drawn_is_shown_by_the_next_that_does_not(string strategy)
    {
        var seen = await Put(Noise(3, 3));
        await using var session = await Open(strategy);
        (await Run(session, Draw + "\ndraw('a.png', 2, 2, (5, 5, 5))\n1 / 0", seen)).ShouldBe(new ToolResult("ZeroDivisionError: division by zero", true));
        (await Run(session, "1", seen)).Text.ShouldBe("1\nimage 1");
    }

    [Theory]
    [MemberData(nameof(Strategies))]
    public async Task In_an_episode_of_text_out_is_a_folder_like_any_other(string strategy)
    {
        await using var session = await Open(strategy);
        (await Run(session, "import os; os.mkdir('out'); open('out/a', 'w').close(); os.listdir()")).ShouldBe(new ToolResult("['out']"));
        (await Run(session, "images")).Text.ShouldStartWith("NameError");
    }

    [Theory]
    [MemberData(nameof(Strategies))]
    public async Task A_session_that_is_replayed_answers_the_same(string strategy)
    {
        var seen = await Put(Noise(20, 20));
        string[] calls = [Draw + "\ndraw('a.png', 4, 4, (7, 7, 7))", "import random; draw('b.png', 3, 3, random.sample(range(256), 3))", "len(images)"];
        ToolResult[][] both = [await Play(), await Play()];
        both[1].ShouldBe(both[0]);
        both[0].Select(r => r.Text).ShouldBe(["image 1", "image 2", "3"]);

        async Task<ToolResult[]> Play()
        {
            await using var session = await Open(strategy);
            var (images, results) = (new List<ImageRef> { seen }, new List<ToolResult>());
            foreach (var code in calls)
            {
                results.Add(await Run(session, code, [.. images]));
                images.AddRange(results[^1].Images);
            }

            return [.. results];
        }
    }

    [Theory]
    [MemberData(nameof(Strategies))]
    public async Task A_session_that_begins_anew_has_the_images_again(string strategy)
    {
        ImageRef[] seen = [await Put(Noise(3, 3)), await Put(Noise(4, 4))];
        await using var session = await Open(strategy);
        (await Run(session, "import os; os._exit(1)", seen)).Text.ShouldStartWith("SystemError");
        (await Run(session, "import os; [os.path.getsize(i) for i in images]", seen)).Text.ShouldBe($"[{_store[seen[0]].Length}, {_store[seen[1]].Length}]");
    }

    [Theory]
    [MemberData(nameof(Strategies))]
    public async Task An_image_without_room_keeps_its_place_only(string strategy)
    {
        ImageRef[] seen = [await Put(Noise(3, 3)), await Put(Noise(800, 800)), await Put(Noise(4, 4))];
        await using var session = await Open(strategy, new SandboxOptions { Strategy = strategy, ImageMebibytes = 1 });
        (await Run(session, "images", seen)).Text.ShouldBe("['/tmp/images/0.png', None, '/tmp/images/2.png']");
    }

    [Theory]
    [MemberData(nameof(Strategies))]
    public async Task Code_that_leaves_no_room_is_told(string strategy)
    {
        ImageRef[] seen = [await Put(Noise(3, 3)), await Put(Noise(400, 400))];
        await using var session = await Open(strategy);
        const string Fill = "import os\nfor i in range(9):\n    try:\n        with open(f'f{i}', 'wb', 0) as f:\n            while f.write(bytes(4096)): pass\n    except OSError: pass";
        (await Run(session, Fill, seen[0])).Text.ShouldBe("");
        (await Run(session, "1", seen)).ShouldBe(new ToolResult("OSError: image 1 cannot be put into images/: No space left on device; the session was started anew", true));
        (await Run(session, "len(images)", seen)).Text.ShouldBe("2");
    }

    [Theory]
    [MemberData(nameof(Strategies))]
    public async Task Images_that_cannot_be_read_are_infrastructure(string strategy)
    {
        var seen = await Put(Noise(3, 3));
        await using (var session = await Open(strategy))
        {
            (await Should.ThrowAsync<ToolUnavailableException>(Run(session, "1", seen with { Uri = "r/gone", Sha256 = "gone" }))).Message.ShouldBe("python: image r/gone: r/gone is not stored");
            _store.Fault = new IOException("the disk is away");
            (await Should.ThrowAsync<ToolUnavailableException>(Run(session, "1", seen))).IsTransient.ShouldBeTrue();
            _store.Fault = null;
            (await Run(session, "len(images)", seen)).Text.ShouldBe("1");
        }

        await using var tool = new PythonTool(new PythonToolOptions { Sandboxes = 1, Sandbox = new SandboxOptions { Strategy = strategy } });
        await using var without = await tool.OpenAsync(new ToolSessionContext("e", ChanceKey.Root(0)), Token);
        (await Should.ThrowAsync<ToolUnavailableException>(Run(without, "1", seen))).Message.ShouldContain("no image store is registered");
    }

    [Theory]
    [InlineData("forge(struct.pack('<BI', 3, 1) + b'a')", 1000)]
    [InlineData("forge(struct.pack('<BI', 4, 1) + b'a')", 1)]
    [InlineData("forge(struct.pack('<BI', 3, 1 << 30))", 1)]
    [InlineData("forge(struct.pack('<BI', 3, 1) + b'a' + (struct.pack('<BI', 4, 1 << 18) + bytes(1 << 18)) * 2)", 100)]
    public async Task Forged_files_end_the_session_that_forged_them_and_no_other(string code, int times)
    {
        var seen = await Put(Noise(3, 3));
        foreach (var strategy in Strategies.Select(s => s.Data))
        {
            await using var other = await Open(strategy);
            await using var session = await Open(strategy);
            await Run(other, "x = 9", seen);
            (await Run(session, $"{Forge}for _ in range({times}): {code}", seen)).ShouldBe(new ToolResult("SystemError: the interpreter ended; the session was started anew", true), strategy);
            (await Run(session, "len(images)", seen)).Text.ShouldBe("1", strategy);
            (await Run(other, "x", seen)).Text.ShouldBe("9", strategy);
        }
    }

    [Theory]
    [MemberData(nameof(Strategies))]
    public async Task A_session_that_ended_between_its_calls_is_the_codes_mistake(string strategy)
    {
        await using var session = await Open(strategy);
        (await Run(session, Forge + "forge(struct.pack('<BI', 0, 0)); os._exit(0)")).ShouldBe(new ToolResult(""));
        (await Run(session, "1")).Text.ShouldStartWith("SystemError");
        (await Run(session, "1")).Text.ShouldBe("1");
    }

    [Theory]
    [MemberData(nameof(Strategies))]
    public async Task A_session_that_does_not_read_holds_up_no_other(string strategy)
    {
        ImageRef[] seen = [await Put(Noise(3, 3)), await Put(Noise(1400, 1400))];
        await using var other = await Open(strategy);
        await using var session = await Open(strategy);
        (await Run(session, Forge + "forge(struct.pack('<BI', 0, 0))\nwhile True: pass", seen[0])).ShouldBe(new ToolResult(""));
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var stuck = session.InvokeAsync(Call("1", 10, seen), patience.Token);

        (await Run(other, "len(images)", seen)).Text.ShouldBe("2");

        stuck.IsCompleted.ShouldBeFalse();
        await patience.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(stuck);
    }

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        foreach (var tool in _tools.Values)
        {
            await tool.DisposeAsync();
        }
    }

    private static ToolInvocation Call(string code, double timeout, params ImageRef[] images) => new(JsonSerializer.Serialize(new { code, timeout })) { Run = "asked", Images = images };

    private static Task<ToolResult> Run(IToolSession session, string code, params ImageRef[] images) => session.InvokeAsync(Call(code, 10, images), Token);

    private static Picture Noise(int width, int height)
    {
        var state = (uint)((width * 7919) + height);
        return new Picture(width, height, [.. Enumerable.Range(0, 3 * width * height).Select(_ => (byte)((state = (state * 1664525) + 1013904223) >> 24))]);
    }

    private async Task<ImageRef> Put(Picture picture) => await _store.PutAsync("r", PictureEncoder.Png(picture), Token);

    private async Task<IToolSession> Open(string strategy, SandboxOptions? sandbox = null)
    {
        if (!_tools.TryGetValue(strategy, out var tool))
        {
            _tools[strategy] = tool = new PythonTool(new PythonToolOptions { Sandboxes = 1, Sandbox = sandbox ?? new SandboxOptions { Strategy = strategy } }, _store);
        }

        var probe = await tool.ProbeAsync(Token);
        Assert.SkipUnless(probe.Works, $"{strategy}: {probe.Detail}");
        return await tool.OpenAsync(new ToolSessionContext("e", ChanceKey.Root(3)), Token);
    }
}
