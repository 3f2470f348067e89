namespace Axpo.Environments.Sandbox;

/// <summary>A way to start an interpreter where it sees a read-only system, no network, no other process, an empty environment, as nobody.</summary>
/// <param name="Name">Name of the strategy.</param>
/// <param name="Program">Program to start.</param>
/// <param name="Arguments">Its arguments before the interpreter's own command line.</param>
internal sealed record SandboxCommand(string Name, string Program, IReadOnlyList<string> Arguments)
{
    private const string Nobody = "65534";

    // A private root from read-only binds, then the uid is dropped with every privilege (after the probe of util-linux alone in docs/sandbox.md).
    private const string UtilLinuxScript = """
        set -e
        R=$(mktemp -d)
        mount -t tmpfs -o size=1m,mode=755 tmpfs "$R"
        mkdir -p "$R/usr" "$R/tmp" "$R/proc" "$R/dev" "$R/old"
        for d in /usr $AXPO_BIND; do mkdir -p "$R$d"; mount --rbind "$d" "$R$d"; mount -o remount,ro,bind "$R$d"; done
        for l in bin lib lib64; do ln -s "usr/$l" "$R/$l"; done
        mount -t proc proc "$R/proc"
        for d in null zero urandom; do touch "$R/dev/$d"; mount --bind "/dev/$d" "$R/dev/$d"; done
        mount -t tmpfs -o size=16m,mode=1777 tmpfs "$R/tmp"
        cd "$R"; pivot_root . old; umount -l /old; rmdir /old; cd /tmp
        mount -o remount,ro /
        exec env -i PYTHONHASHSEED=0 setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all "$@"
        """;

    /// <summary>The strategies to try, in order.</summary>
    public static IEnumerable<SandboxCommand> Candidates(string strategy, string prefix)
    {
        // The interpreter's own prefix is shown as well where it lies outside /usr.
        var outside = !prefix.StartsWith("/usr", StringComparison.Ordinal);
        var root = Environment.UserName == "root";
        if (strategy is "auto" or "bubblewrap")
        {
            string[] drop = root ? ["setpriv", "--reuid", Nobody, "--regid", Nobody, "--clear-groups", "--no-new-privs", "bwrap"] : ["bwrap"];
            yield return new SandboxCommand("bubblewrap", drop[0],
            [
                .. drop[1..], "--unshare-all", "--die-with-parent", "--new-session", "--ro-bind", "/usr", "/usr",
                .. outside ? (string[])["--ro-bind", prefix, prefix] : [],
                "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64", "--symlink", "usr/bin", "/bin",
                "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--chdir", "/tmp", "--remount-ro", "/dev", "--remount-ro", "/",
                "--clearenv", "--setenv", "PYTHONHASHSEED", "0",
            ]);
        }

        if (strategy is "auto" or "util-linux")
        {
            string[] user = root ? [] : ["--user", "--map-root-user"];
            yield return new SandboxCommand("util-linux", "unshare",
            [
                .. user, "--net", "--pid", "--mount", "--ipc", "--uts", "--fork", "--kill-child", "--propagation", "private",
                "env", "AXPO_BIND=" + (outside ? prefix : ""), "/bin/sh", "-c", UtilLinuxScript, "sh",
            ]);
        }
    }
}
