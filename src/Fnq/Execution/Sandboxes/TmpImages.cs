using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Fnq.Execution.Sandboxes;

/// <summary>
/// Images for /tmp, so that its content is not charged to the function's memory. Each is a copy of a blank ext4 file
/// system that is made once per size. No image ever has a name: whatever kills the worker, the disk is free again.
/// </summary>
internal sealed class TmpImages(string folder) : IDisposable
{
    private const string MakeFileSystem = "mkfs.ext4";
    private const int InodeBytes = 256, BlockBytes = 4_096;
    private const long Mebibyte = 1 << 20, GroupBytes = 128 * Mebibyte, BytesPerGroup = 16 * 1_024, FixedBytes = 384 * 1_024;

    /// <summary>ext4 holds back a fiftieth of its blocks, this much at most.</summary>
    private const long HeldBackBytesMax = 16 * Mebibyte;
    private const int HeldBackPart = 50;

    private readonly Dictionary<int, SafeFileHandle> _templates = [];
    private readonly SemaphoreSlim _making = new(1, 1);

    internal static int Inodes(int sizeMb) => sizeMb * OciConfiguration.InodesPerMb;

    /// <summary>Length of the image that leaves a function the whole of its size: inode tables and what ext4 holds back come on top.</summary>
    internal static long ImageBytes(int sizeMb)
    {
        var data = sizeMb * Mebibyte;
        var used = data + ((long)Inodes(sizeMb) * InodeBytes) + FixedBytes + ((data / GroupBytes) * BytesPerGroup);
        var whole = used + Math.Min(used / (HeldBackPart - 1), HeldBackBytesMax);
        return (whole + BlockBytes - 1) / BlockBytes * BlockBytes;
    }

    /// <summary>A fresh one on a loop device of its own.</summary>
    internal async Task<LoopDevice> AttachAsync(int sizeMb, CancellationToken cancellationToken)
    {
        var template = await TemplateAsync(sizeMb, cancellationToken);
        using var image = Native.OpenHandle(folder, Native.OpenReadWrite | Native.OpenTemporary);
        SparseCopy.Run(template, image);
        return LoopDevice.Attach(image);
    }

    public void Dispose()
    {
        foreach (var template in _templates.Values)
        {
            template.Dispose();
        }
        _making.Dispose();
    }

    private async Task<SafeFileHandle> TemplateAsync(int sizeMb, CancellationToken cancellationToken)
    {
        await _making.WaitAsync(cancellationToken);
        try
        {
            if (!_templates.TryGetValue(sizeMb, out var template))
            {
                var path = Path.Join(folder, string.Create(CultureInfo.InvariantCulture, $"tmp-{sizeMb}.ext4"));
                if (!IsWhole(path, sizeMb))
                {
                    await MakeTemplateAsync(path, sizeMb, cancellationToken);
                }
                template = Native.OpenHandle(path, Native.OpenReadOnly);
                _templates.Add(sizeMb, template);
            }
            return template;
        }
        finally
        {
            _making.Release();
        }
    }

    /// <summary>One of an older version of Fnq may have another length.</summary>
    private static bool IsWhole(string path, int sizeMb)
    {
        var file = new FileInfo(path);
        if (file.Exists && file.Length != ImageBytes(sizeMb))
        {
            file.Delete();
            return false;
        }
        return file.Exists;
    }

    /// <summary>It gets its name when it is whole, so that neither a kill nor a peer at the same work leaves half of one.</summary>
    private async Task MakeTemplateAsync(string path, int sizeMb, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(folder);
        using var draft = Native.OpenHandle(folder, Native.OpenReadWrite | Native.OpenTemporary);
        RandomAccess.SetLength(draft, ImageBytes(sizeMb));
        var number = draft.DangerousGetHandle().ToString(CultureInfo.InvariantCulture);
        await FormatAsync($"/proc/{Environment.ProcessId}/fd/{number}", Inodes(sizeMb), cancellationToken);
        if (Native.Link(Native.AtCurrentFolder, $"/proc/self/fd/{number}", Native.AtCurrentFolder, path, Native.AtFollowLinks) != 0
            && Marshal.GetLastPInvokeError() is var error && error != Native.ErrnoExists)
        {
            throw Native.Failure($"name {path}", error);
        }
    }

    private static async Task FormatAsync(string file, int inodes, CancellationToken cancellationToken)
    {
        var program = OciRuntime.Find(MakeFileSystem) ?? throw new SandboxException($"{MakeFileSystem} is not installed (package e2fsprogs)");
        string[] arguments =
        [
            "-q", "-F", "-b", BlockBytes.ToString(CultureInfo.InvariantCulture), "-I", InodeBytes.ToString(CultureInfo.InvariantCulture),
            "-N", inodes.ToString(CultureInfo.InvariantCulture), "-m", "0", "-O", "^has_journal,^resize_inode",
            "-E", "lazy_itable_init=1,nodiscard,root_owner=0:0", file,
        ];
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        var said = process.StandardError.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        if (process.ExitCode != 0)
        {
            throw new SandboxException($"{MakeFileSystem} ended with {process.ExitCode}: {(await said).Trim()}");
        }
    }
}
