using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Training.Native;

/// <summary>
/// ATen operators that the TorchSharp binding lacks, called by name through libtorch's stable C ABI (<c>torch/csrc/stable/c/shim.h</c>,
/// <c>torch_call_dispatcher</c>). Autograd works as for any operator. Arguments are handed over: the dispatcher frees the handles it takes.
/// </summary>
public static unsafe partial class Aten
{
    // The encodings below are those of libtorch 2.10; a newer one is told so and reads them as such.
    private const ulong WrittenFor = (2UL << 56) | (10UL << 48);

    private static readonly ulong AbiVersion = Version();

    /// <summary>Root-mean-square norm over the last dimension: x / sqrt(mean(x^2) + eps) * weight.</summary>
    /// <param name="input">[..., n].</param>
    /// <param name="weight">[n].</param>
    /// <param name="eps">Added to the mean square.</param>
    public static Tensor RmsNorm(Tensor input, Tensor weight, double eps)
    {
        Span<ulong> stack = [Handle(input), Integers(input.size(-1)), Some(Handle(weight)), Some(Bits(eps))];
        return Call("aten::rms_norm", "", stack);
    }

    /// <summary>softmax(q k^T * scale + mask) v, kv heads shared by groups of query heads.</summary>
    /// <param name="query">[batch, heads, time, headDim].</param>
    /// <param name="key">[batch, kvHeads, context, headDim].</param>
    /// <param name="value">[batch, kvHeads, context, headDim].</param>
    /// <param name="mask">Boolean (true = attend) or additive, broadcastable to [batch, heads, time, context]; null for none.</param>
    /// <param name="isCausal">Position t attends to 0..t; only without a mask.</param>
    /// <param name="scale">Factor on the scores; null: headDim^-0.5.</param>
    public static Tensor ScaledDotProductAttention(Tensor query, Tensor key, Tensor value, Tensor? mask = null, bool isCausal = false, double? scale = null)
    {
        var grouped = query.size(1) != key.size(1);
        Span<ulong> stack =
        [
            Handle(query), Handle(key), Handle(value), mask is null ? 0 : Some(Handle(mask)), Bits(0.0), isCausal ? 1UL : 0UL,
            scale is null ? 0 : Some(Bits(scale.Value)), grouped ? 1UL : 0UL,
        ];
        return Call("aten::scaled_dot_product_attention", "", stack);
    }

    /// <summary>Rows of a table.</summary>
    /// <param name="table">[rows, n].</param>
    /// <param name="ids">int64, any shape.</param>
    public static Tensor Embedding(Tensor table, Tensor ids)
    {
        Span<ulong> stack = [Handle(table), Handle(ids), unchecked((ulong)-1L), 0, 0];
        return Call("aten::embedding", "", stack);
    }

    /// <summary>Writes a matrix product into memory that is there already; without gradient.</summary>
    /// <param name="output">[m, n], overwritten.</param>
    /// <param name="a">[m, k].</param>
    /// <param name="b">[k, n].</param>
    public static void MultiplyInto(Tensor output, Tensor a, Tensor b)
    {
        Span<ulong> stack = [Handle(a), Handle(b), Handle(output)];
        Call("aten::mm", "out", stack).Dispose();
    }

    /// <summary>One AdamW step on all tensors at once, in place (decoupled weight decay, Loshchilov and Hutter 2019).</summary>
    /// <param name="parameters">Parameters.</param>
    /// <param name="gradients">Their gradients.</param>
    /// <param name="means">First moments.</param>
    /// <param name="squares">Second moments.</param>
    /// <param name="steps">Step counts after this step, one scalar tensor a parameter.</param>
    /// <param name="learningRate">Learning rate.</param>
    /// <param name="beta1">Decay of the first moment.</param>
    /// <param name="beta2">Decay of the second moment.</param>
    /// <param name="weightDecay">Weight decay.</param>
    /// <param name="eps">Added to the root.</param>
    public static void FusedAdamW(IReadOnlyList<Tensor> parameters, IReadOnlyList<Tensor> gradients, IReadOnlyList<Tensor> means, IReadOnlyList<Tensor> squares, IReadOnlyList<Tensor> steps, double learningRate, double beta1, double beta2, double weightDecay, double eps)
    {
        Span<ulong> stack =
        [
            Tensors(parameters), Tensors(gradients), Tensors(means), Tensors(squares), Tensors([]), Tensors(steps),
            Bits(learningRate), Bits(beta1), Bits(beta2), Bits(weightDecay), Bits(eps), 0, 0, 0, 0,
        ];
        Invoke("aten::_fused_adamw_", "", stack);
    }

    /// <summary>Where a tensor's first element is; of any size, while <c>Tensor.bytes</c> ends at 2 GiB.</summary>
    internal static void* Data(Tensor tensor)
    {
        Check(aoti_torch_get_data_ptr(tensor.Handle, out var address), "get_data_ptr");
        GC.KeepAlive(tensor);
        return (void*)address;
    }

    private static Tensor Call(string name, string overload, Span<ulong> stack)
    {
        Invoke(name, overload, stack);
        return Tensor.UnsafeCreateTensor((IntPtr)stack[0]);
    }

    private static void Invoke(string name, string overload, Span<ulong> stack)
    {
        int code;
        fixed (ulong* values = stack)
        {
            code = torch_call_dispatcher(name, overload, values, AbiVersion);
        }

        if (code != 0)
        {
            throw new ExternalException($"{name}: libtorch refused the call (code {code}); shapes or types of the arguments do not fit");
        }
    }

    private static ulong Version()
    {
        LibtorchLoader.EnsureLoaded();
        return Math.Min(aoti_torch_abi_version(), WrittenFor);
    }

    private static ulong Handle(Tensor tensor)
    {
        Check(aoti_torch_new_tensor_handle(tensor.Handle, out var handle), "new_tensor_handle");
        return (ulong)handle;
    }

    private static ulong Bits(double value) => BitConverter.DoubleToUInt64Bits(value);

    private static ulong Some(ulong value)
    {
        var cell = (ulong*)NativeMemory.Alloc(sizeof(ulong));
        *cell = value;
        return (ulong)cell;
    }

    private static ulong Integers(long value)
    {
        Check(torch_new_list_reserve_size(1, out var list), "new_list");
        Check(torch_list_push_back(list, (ulong)value), "list_push_back");
        return (ulong)list;
    }

    private static ulong Tensors(IReadOnlyList<Tensor> tensors)
    {
        Check(torch_new_list_reserve_size((nuint)tensors.Count, out var list), "new_list");
        foreach (var tensor in tensors)
        {
            Check(torch_list_push_back(list, Handle(tensor)), "list_push_back");
        }

        return (ulong)list;
    }

    private static void Check(int code, string what)
    {
        if (code != 0)
        {
            throw new ExternalException($"libtorch: {what} failed (code {code})");
        }
    }

    /// <summary>Version of the libtorch that is loaded, major and minor.</summary>
    public static Version LibtorchVersion()
    {
        var version = aoti_torch_abi_version();
        return new Version((int)(version >> 56), (int)((version >> 48) & 0xff));
    }

    [LibraryImport("torch_cpu", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int torch_call_dispatcher(string name, string overload, ulong* stack, ulong abiVersion);

    [LibraryImport("torch_cpu")]
    private static partial ulong aoti_torch_abi_version();

    [LibraryImport("torch_cpu")]
    private static partial int aoti_torch_new_tensor_handle(IntPtr original, out IntPtr handle);

    [LibraryImport("torch_cpu")]
    private static partial int aoti_torch_get_data_ptr(IntPtr tensor, out IntPtr address);

    [LibraryImport("torch_cpu")]
    private static partial int torch_new_list_reserve_size(nuint size, out IntPtr list);

    [LibraryImport("torch_cpu")]
    private static partial int torch_list_push_back(IntPtr list, ulong value);
}
