namespace Axpo.Environments.Questions;

/// <summary>Classes of faults in a file of questions.</summary>
public enum QuestionFault
{
    /// <summary>The file cannot be read.</summary>
    Unreadable,

    /// <summary>The file holds no question.</summary>
    Empty,

    /// <summary>A line is not UTF-8, or holds half a surrogate pair.</summary>
    Encoding,

    /// <summary>A line is not one JSON value.</summary>
    Json,

    /// <summary>A value has the wrong type.</summary>
    Type,

    /// <summary>An object names a key twice.</summary>
    DuplicateKey,

    /// <summary>A line is longer than a question may be.</summary>
    TooLong,

    /// <summary>A field is absent, null or empty.</summary>
    MissingField,

    /// <summary>An id that cannot be part of a key.</summary>
    BadId,

    /// <summary>An id stands in the file twice.</summary>
    DuplicateId,

    /// <summary>A category or verifier that does not exist.</summary>
    UnknownValue,

    /// <summary>An answer that its verifier cannot judge.</summary>
    BadAnswer,

    /// <summary>A path that is not plainly inside the file's folder.</summary>
    ImagePath,

    /// <summary>An image file that does not exist.</summary>
    ImageMissing,

    /// <summary>A file that is no whole PNG or JPEG.</summary>
    ImageCorrupt,

    /// <summary>An image with too many bytes or pixels.</summary>
    ImageTooLarge,

    /// <summary>A question with images for a policy that reads text only.</summary>
    ImageRefused,
}
