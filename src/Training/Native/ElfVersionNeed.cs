using System.Buffers.Binary;
using System.Text;

namespace Axpo.Training.Native;

/// <summary>
/// Reads and relaxes the symbol versions that a Linux x86-64 shared library needs (ELF gABI, "Symbol Versioning" of the LSB). libLibTorchSharp.so is linked
/// with GCC 13 and so names the version node GLIBCXX_3.4.32, of which it uses one symbol only: the empty marker <c>std::ios_base_library_init</c>.
/// A copy with that need marked weak and the marker redirected to a harmless function loads on older systems (Debian 12, RHEL 9).
/// </summary>
internal sealed class ElfVersionNeed
{
    private const string Marker = "_ZSt21ios_base_library_initv";
    private const string Harmless = "getpid";
    private const ushort WeakFlag = 0x2; // VER_FLG_WEAK

    private readonly byte[] _bytes;
    private readonly long _dynamicStrings;
    private readonly long _versionNeeds;
    private readonly long _symbolVersions;
    private readonly (long Offset, long Size) _symbols;

    /// <summary>Parses a library.</summary>
    /// <exception cref="InvalidDataException">It is no 64-bit ELF file with versioned dynamic symbols.</exception>
    public ElfVersionNeed(byte[] bytes)
    {
        _bytes = bytes;
        if (bytes.Length < 64 || !bytes.AsSpan(0, 5).SequenceEqual("\u007fELF\u0002"u8))
        {
            throw new InvalidDataException("not a 64-bit ELF library");
        }

        var sections = Sections();
        _dynamicStrings = sections[".dynstr"].Offset;
        _versionNeeds = sections[".gnu.version_r"].Offset;
        _symbolVersions = sections[".gnu.version"].Offset;
        _symbols = sections[".dynsym"];
    }

    /// <summary>Names of the version nodes that the library needs, for example <c>GLIBCXX_3.4.32</c>.</summary>
    public IEnumerable<string> Names => Needs().Select(n => n.Name);

    /// <summary>The library without its need of a version node.</summary>
    /// <exception cref="InvalidDataException">The library uses more of that version than the empty marker.</exception>
    public byte[] Without(string version)
    {
        var needs = Needs().ToList();
        var need = needs.Find(n => n.Name == version);
        if (need.Name is null)
        {
            return _bytes;
        }

        var libc = needs.Find(n => n.Name == "GLIBC_2.2.5" && n.File == "libc.so.6");
        if (libc.Name is null)
        {
            throw new InvalidDataException("the library does not use libc.so.6; it cannot be relaxed");
        }

        Write16(need.Offset + 4, (ushort)(Read16(need.Offset + 4) | WeakFlag));
        for (var i = 0; i < _symbols.Size / 24; i++)
        {
            if ((Read16(_symbolVersions + (2 * i)) & 0x7fff) != need.Index)
            {
                continue;
            }

            var name = _dynamicStrings + Read32(_symbols.Offset + (24 * i));
            if (Text(name) != Marker)
            {
                throw new InvalidDataException($"the library uses {Text(name)} of {version}, which this system lacks; install a newer libstdc++ (GCC 13)");
            }

            _bytes.AsSpan((int)name, Marker.Length).Clear();
            Encoding.ASCII.GetBytes(Harmless, _bytes.AsSpan((int)name));
            Write16(_symbolVersions + (2 * i), libc.Index);
        }

        return _bytes;
    }

    private IEnumerable<(string File, string Name, long Offset, ushort Index)> Needs()
    {
        for (var need = _versionNeeds; ; need += Read32(need + 12))
        {
            var aux = need + Read32(need + 8);
            for (var i = 0; i < Read16(need + 2); i++)
            {
                yield return (Text(_dynamicStrings + Read32(need + 4)), Text(_dynamicStrings + Read32(aux + 8)), aux, Read16(aux + 6));
                aux += Read32(aux + 12);
            }

            if (Read32(need + 12) == 0)
            {
                yield break;
            }
        }
    }

    private Dictionary<string, (long Offset, long Size)> Sections()
    {
        var table = Read64(0x28);
        var size = Read16(0x3A);
        var names = Read64(table + (Read16(0x3E) * size) + 24);
        var sections = new Dictionary<string, (long, long)>(StringComparer.Ordinal);
        for (var i = 0; i < Read16(0x3C); i++)
        {
            var header = table + (i * size);
            sections[Text(names + Read32(header))] = (Read64(header + 24), Read64(header + 32));
        }

        return sections;
    }

    private ushort Read16(long at) => BinaryPrimitives.ReadUInt16LittleEndian(_bytes.AsSpan((int)at));

    private uint Read32(long at) => BinaryPrimitives.ReadUInt32LittleEndian(_bytes.AsSpan((int)at));

    private long Read64(long at) => BinaryPrimitives.ReadInt64LittleEndian(_bytes.AsSpan((int)at));

    private void Write16(long at, ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(_bytes.AsSpan((int)at), value);

    private string Text(long at) => Encoding.ASCII.GetString(_bytes, (int)at, _bytes.AsSpan((int)at).IndexOf((byte)0));
}
