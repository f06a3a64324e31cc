using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Fnq.Execution.Sandboxes;

/// <summary>
/// A file as a block device. The kernel takes it apart when nobody has it open or mounted any more, so that a worker
/// that is killed leaves none.
/// </summary>
internal sealed class LoopDevice : IDisposable
{
    private const string ControlFile = "/dev/loop-control";
    private const int AttemptsMax = 64;

    // struct loop_config of <linux/loop.h>: fd, block size, struct loop_info64, reserved.
    private const int ConfigBytes = 304, BlockSizeAt = 4, FlagsAt = 60, NameAt = 64;
    private const int BlockBytes = 4_096;
    private readonly SafeFileHandle _device;

    private LoopDevice(int index, SafeFileHandle device)
    {
        _device = device;
        Path = DeviceFile(index);
        Number = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/sys/block/loop{index}/dev")).Trim();
    }

    internal string Path { get; }

    /// <summary>Major and minor number, as control groups name it.</summary>
    internal string Number { get; }

    /// <summary>Direct I/O where the file's own file system allows it: its pages are not kept twice.</summary>
    internal static LoopDevice Attach(SafeFileHandle image)
    {
        using var control = Native.OpenHandle(ControlFile, Native.OpenReadWrite);
        for (var attempt = 0; attempt < AttemptsMax; attempt++)
        {
            var index = Native.Check(Native.Control(Descriptor(control), Native.GetFreeLoop, 0), "find a free loop device");
            var device = Native.OpenHandle(DeviceFile(index), Native.OpenReadWrite);
            try
            {
                if (TryConfigure(device, image))
                {
                    return new LoopDevice(index, device);
                }
            }
            catch
            {
                device.Dispose();
                throw;
            }
            // Somebody else was faster with this one.
            device.Dispose();
        }
        throw new SandboxException("Every free loop device was taken by somebody else.");
    }

    public void Dispose() => _device.Dispose();

    private static unsafe bool TryConfigure(SafeFileHandle device, SafeFileHandle image)
    {
        var config = stackalloc byte[ConfigBytes];
        new Span<byte>(config, ConfigBytes).Clear();
        *(int*)config = Descriptor(image);
        *(int*)(config + BlockSizeAt) = BlockBytes;
        *(uint*)(config + FlagsAt) = Native.LoopAutoClear | Native.LoopDirectIo;
        "fnq"u8.CopyTo(new Span<byte>(config + NameAt, 3));
        if (Native.Control(Descriptor(device), Native.ConfigureLoop, config) == 0)
        {
            return true;
        }
        var error = Marshal.GetLastPInvokeError();
        return error == Native.ErrnoBusy ? false : throw Native.Failure("attach a loop device", error);
    }

    private static string DeviceFile(int index) => string.Create(CultureInfo.InvariantCulture, $"/dev/loop{index}");

    private static int Descriptor(SafeFileHandle handle) => (int)handle.DangerousGetHandle();
}
