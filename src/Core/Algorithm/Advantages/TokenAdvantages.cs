namespace Axpo.Core;

/// <summary>Advantages of tokens and the returns that they were formed from.</summary>
/// <param name="Advantages">[rows][tokens].</param>
/// <param name="Returns">[rows][tokens].</param>
public sealed record TokenAdvantages(double[][] Advantages, double[][] Returns);
