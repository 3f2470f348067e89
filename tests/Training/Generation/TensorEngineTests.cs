using Xunit;

namespace Axpo.Training.Tests.Generation;

// What holds for the engine on the processor holds for the path of devices; its operators run on any.
public sealed class TensorPolicyEngineTests(TensorEngineFixture fixture) : PolicyEngineTests(fixture), IClassFixture<TensorEngineFixture>;

public sealed class TensorLifeTests(TensorEngineFixture fixture) : EngineLifeTests(fixture), IClassFixture<TensorEngineFixture>;

public sealed class TensorSharingTests(TensorEngineFixture fixture) : EngineSharingTests(fixture), IClassFixture<TensorEngineFixture>;

public sealed class TensorWeightsTests(TensorEngineFixture fixture) : EngineWeightsTests(fixture), IClassFixture<TensorEngineFixture>;

public sealed class TensorStopAndForceTests(TensorEngineFixture fixture) : StopAndForceTests(fixture), IClassFixture<TensorEngineFixture>;

public sealed class TensorPrefillTests(TensorEngineFixture fixture) : EnginePrefillTests(fixture), IClassFixture<TensorEngineFixture>;

public sealed class TensorStressTests(TensorEngineFixture fixture) : EngineStressTests(fixture), IClassFixture<TensorEngineFixture>;

public sealed class TensorScheduleTests(TensorEngineFixture fixture, ITestOutputHelper output) : EngineScheduleTests(fixture, output), IClassFixture<TensorEngineFixture>;
