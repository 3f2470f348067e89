using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Axpo.Grains.Hosting;

/// <summary>Checks the attributes of an options class; the message names field, value and what is allowed.</summary>
internal sealed class AnnotatedOptions<T>(string section) : IValidateOptions<T>
    where T : class
{
    /// <inheritdoc/>
    public ValidateOptionsResult Validate(string? name, T options)
    {
        var found = new List<ValidationResult>();
        if (Validator.TryValidateObject(options, new ValidationContext(options), found, validateAllProperties: true))
        {
            return ValidateOptionsResult.Success;
        }

        var at = string.IsNullOrEmpty(name) ? section : $"{section}:{name}";
        return ValidateOptionsResult.Fail(found.Select(f =>
        {
            var member = f.MemberNames.FirstOrDefault() ?? "";
            return $"{at}:{member} = {typeof(T).GetProperty(member)?.GetValue(options)}: {f.ErrorMessage}";
        }));
    }
}
