using System.Globalization;
using Axpo.Client;

CultureInfo.DefaultThreadCurrentCulture = CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
CultureInfo.DefaultThreadCurrentUICulture = CultureInfo.CurrentUICulture = CultureInfo.InvariantCulture;
using var signals = new StopSignals(Console.Error);
return await AxpoCommand.RunAsync(args, CommandContext.OfProcess(signals.Token));
