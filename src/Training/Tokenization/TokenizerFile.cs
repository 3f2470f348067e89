namespace Axpo.Training.Tokenization;

/// <summary>An added token.</summary>
/// <param name="Id">Id.</param>
/// <param name="Content">Text that is found literally.</param>
/// <param name="IsSpecial">Whether decoding may leave it out.</param>
internal sealed record AddedToken(int Id, string Content, bool IsSpecial);

/// <summary>
/// What a <c>tokenizer.json</c> says, checked: byte-level BPE as the Qwen, SmolLM2 and Llama-3 families use it. Whatever would change ids or text and is not supported is refused by name.
/// </summary>
internal sealed record TokenizerFile
{
    /// <summary>Ids lie below this: enough for any vocabulary in use, and a bound on what a damaged file can ask for.</summary>
    private const int IdLimit = 1 << 22;

    /// <summary>Ids by token.</summary>
    public required IReadOnlyDictionary<string, int> Vocabulary { get; init; }

    /// <summary>Merges, best first.</summary>
    public required IReadOnlyList<(string Left, string Right)> Merges { get; init; }

    /// <summary>Whether a piece that is a token as a whole is not cut (Llama-3).</summary>
    public required bool IgnoreMerges { get; init; }

    /// <summary>Added tokens.</summary>
    public required IReadOnlyList<AddedToken> Added { get; init; }

    /// <summary>Whether text is brought into NFC first.</summary>
    public required bool IsNfc { get; init; }

    /// <summary>Stages that cut text into pieces.</summary>
    public required IReadOnlyList<IPreTokenizer> PreTokenizers { get; init; }

    /// <summary>Ids that a template post-processor puts before a text.</summary>
    public required int[] TemplatePrefix { get; init; }

    /// <summary>Reads and checks a file.</summary>
    /// <exception cref="InvalidDataException">It is damaged; the message names the file and the field.</exception>
    /// <exception cref="NotSupportedException">A part is valid and of a kind that is not supported; the message names the file, the field and what is supported.</exception>
    public static TokenizerFile Read(string path)
    {
        var root = JsonField.Read(path);
        RefuseAny(root, "truncation");
        RefuseAny(root, "padding");
        var model = root["model"];
        CheckModel(model);
        var vocabulary = Vocab(model["vocab"]);
        var merges = ReadMerges(model["merges"], vocabulary);
        var added = ReadAdded(root.Find("added_tokens"), vocabulary, merges);
        Require(root["decoder"]["type"], "ByteLevel");
        return new TokenizerFile
        {
            Vocabulary = vocabulary,
            Merges = merges,
            IgnoreMerges = model.Flag("ignore_merges"),
            Added = added,
            IsNfc = IsNfcWanted(root.Find("normalizer")),
            PreTokenizers = Tokenization.PreTokenizers.Read(root["pre_tokenizer"]),
            TemplatePrefix = ReadPostProcessor(root.Find("post_processor")),
        };
    }

    private static void CheckModel(JsonField model)
    {
        // Old files leave the type out.
        if (model.Find("type") is { } type)
        {
            Require(type, "BPE");
        }

        RefuseAny(model, "dropout");
        foreach (var member in new[] { "unk_token", "continuing_subword_prefix", "end_of_word_suffix" })
        {
            if (model.Find(member) is { } value && value.Text().Length > 0)
            {
                throw value.Unsupported("none");
            }
        }

        if (model.Flag("byte_fallback"))
        {
            throw model["byte_fallback"].Unsupported("false");
        }
    }

    private static Dictionary<string, int> Vocab(JsonField field)
    {
        var vocabulary = new Dictionary<string, int>(StringComparer.Ordinal);
        var ids = new HashSet<int>();
        foreach (var (token, value) in field.Members())
        {
            var id = value.Count(IdLimit - 1);
            if (token.Length == 0 || !ids.Add(id))
            {
                throw token.Length == 0 ? new InvalidDataException($"{field.File}: {field.Name} holds an empty token") : value.Wrong("the id of one token only");
            }

            vocabulary.Add(token, id);
        }

        return vocabulary.Count > 0 ? vocabulary : throw new InvalidDataException($"{field.File}: {field.Name} is empty; it must hold the tokens");
    }

    private static List<(string Left, string Right)> ReadMerges(JsonField field, Dictionary<string, int> vocabulary)
    {
        var merges = new List<(string Left, string Right)>();
        var seen = new HashSet<(string, string)>();
        foreach (var item in field.Items())
        {
            string[] pair = item.IsList ? [.. item.Items().Select(part => part.Text())] : item.Text().Split(' ');
            if (pair is not [var left, var right] || !vocabulary.ContainsKey(left) || !vocabulary.ContainsKey(right) || !vocabulary.ContainsKey(left + right) || !seen.Add((left, right)))
            {
                throw item.Wrong("two tokens of model.vocab whose whole is one as well, and stand there once");
            }

            merges.Add((left, right));
        }

        return merges;
    }

    private static List<AddedToken> ReadAdded(JsonField? field, Dictionary<string, int> vocabulary, List<(string Left, string Right)> merges)
    {
        var added = new List<AddedToken>();
        if (field is null)
        {
            return added;
        }

        var names = vocabulary.ToDictionary(pair => pair.Value, pair => pair.Key);
        var products = merges.Select(m => m.Left + m.Right).ToHashSet(StringComparer.Ordinal);
        var contents = new HashSet<string>(StringComparer.Ordinal);
        foreach (var item in field.Value.Items())
        {
            foreach (var option in new[] { "single_word", "lstrip", "rstrip", "normalized" })
            {
                if (item.Flag(option))
                {
                    throw item[option].Unsupported("false");
                }
            }

            var content = item["content"].Text();
            var id = item["id"].Count(IdLimit - 1);
            if (content.Length == 0 || !contents.Add(content))
            {
                throw item["content"].Wrong("a text that no other added token has");
            }

            if (names.TryGetValue(id, out var other) ? other != content : vocabulary.ContainsKey(content) || !names.TryAdd(id, content))
            {
                throw item["id"].Wrong("the id of this token in model.vocab, or one that no other token has");
            }

            // Plain text would otherwise reach a token that only our own text may write.
            if (vocabulary.ContainsKey(content) && (content.Length == 1 || products.Contains(content)))
            {
                throw item["content"].Unsupported("added tokens that merges of plain text cannot make");
            }

            added.Add(new AddedToken(id, content, item.Flag("special")));
        }

        return added;
    }

    private static bool IsNfcWanted(JsonField? field)
    {
        if (field is null)
        {
            return false;
        }

        Require(field.Value["type"], "NFC");
        return true;
    }

    /// <summary>ByteLevel changes offsets only; a template may put tokens before a text, which are stated and never added by themselves: a chat template writes its own.</summary>
    private static int[] ReadPostProcessor(JsonField? field)
    {
        var prefix = new List<int>();
        if (field is { } processor)
        {
            JsonField[] parts = processor["type"].Text() == "Sequence" ? [.. processor["processors"].Items()] : [processor];
            foreach (var part in parts)
            {
                switch (part["type"].Text())
                {
                    case "ByteLevel":
                        break;
                    case "TemplateProcessing":
                        prefix.AddRange(ReadTemplate(part));
                        break;
                    default:
                        throw part["type"].Unsupported("ByteLevel, TemplateProcessing that puts tokens before a text, a Sequence of them");
                }
            }
        }

        return [.. prefix];
    }

    private static IEnumerable<int> ReadTemplate(JsonField field)
    {
        JsonField[] pieces = [.. field["single"].Items()];
        for (var i = 0; i < pieces.Length; i++)
        {
            if (pieces[i].Find("Sequence") is not null && i == pieces.Length - 1)
            {
                yield break;
            }

            var token = (pieces[i].Find("SpecialToken") ?? throw pieces[i].Unsupported("special tokens, then the text"))["id"].Text();
            foreach (var id in field["special_tokens"][token]["ids"].Items())
            {
                yield return id.Count(IdLimit - 1);
            }
        }

        throw field["single"].Unsupported("special tokens, then the text");
    }

    private static void Require(JsonField field, string supported)
    {
        if (field.Text() != supported)
        {
            throw field.Unsupported(supported);
        }
    }

    private static void RefuseAny(JsonField parent, string member)
    {
        if (parent.Find(member) is { } value)
        {
            throw value.Unsupported("null");
        }
    }
}
