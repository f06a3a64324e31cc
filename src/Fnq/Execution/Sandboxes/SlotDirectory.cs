using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;

namespace Fnq.Execution.Sandboxes;

/// <summary>A number that no other live sandbox of this host has: it decides user ids, control group and folder.</summary>
internal readonly record struct Slot(int Number, string Owner)
{
    internal string Name => $"{Owner}-{Number}";
}

/// <summary>
/// Host-wide slots, shared by several workers without a server: a slot is a symbolic link from its number to its owner's
/// name (creating one is atomic and exclusive), and an owner lives as long as somebody holds the lock on its file.
/// </summary>
internal sealed class SlotDirectory : IDisposable
{
    private readonly string _slots;
    private readonly string _owners;
    private readonly SafeFileHandle _ownLock;

    internal SlotDirectory(string stateFolder)
    {
        _slots = Path.Join(stateFolder, "slots");
        _owners = Path.Join(stateFolder, "owners");
        Directory.CreateDirectory(_slots);
        Directory.CreateDirectory(_owners);
        Owner = $"{Environment.ProcessId}-{RandomNumberGenerator.GetHexString(8, lowercase: true)}";
        // Locked before it has its name, so that no sweeper can see it unlocked.
        var draft = Path.Join(stateFolder, $".{Owner}");
        _ownLock = Native.OpenHandle(draft, Native.OpenReadWrite | Native.OpenCreate);
        _ = Native.Check(Native.Flock(Descriptor(_ownLock), Native.LockExclusive | Native.LockNonBlocking), "lock own slots");
        File.Move(draft, Path.Join(_owners, Owner));
    }

    internal string Owner { get; }

    /// <summary>The lowest free number, or null when all are taken.</summary>
    internal Slot? TryClaim(int count)
    {
        for (var number = 0; number < count; number++)
        {
            if (Native.SymbolicLink(Owner, LinkOf(number)) == 0)
            {
                return new Slot(number, Owner);
            }
            var error = Marshal.GetLastPInvokeError();
            if (error != Native.ErrnoExists)
            {
                throw Native.Failure("claim a sandbox slot", error);
            }
        }
        return null;
    }

    internal void Release(Slot slot) => File.Delete(LinkOf(slot.Number));

    internal IReadOnlyList<Slot> Claimed()
    {
        var claimed = new List<Slot>();
        foreach (var link in new DirectoryInfo(_slots).EnumerateFileSystemInfos())
        {
            if (link.LinkTarget is { } owner && int.TryParse(link.Name, out var number))
            {
                claimed.Add(new Slot(number, owner));
            }
        }
        return claimed;
    }

    /// <summary>Names of all owners that have a file or a slot.</summary>
    internal IEnumerable<string> Owners() =>
        Directory.EnumerateFiles(_owners).Select(f => Path.GetFileName(f)).Concat(Claimed().Select(s => s.Owner)).Distinct();

    /// <summary>The lock of a dead owner, held while its leftovers are removed; null when it lives or a peer sweeps it already.</summary>
    internal SafeFileHandle? TryLockDead(string owner)
    {
        if (owner == Owner)
        {
            return null;
        }
        var handle = Native.OpenHandle(Path.Join(_owners, owner), Native.OpenReadWrite | Native.OpenCreate);
        if (Native.Flock(Descriptor(handle), Native.LockExclusive | Native.LockNonBlocking) == 0)
        {
            return handle;
        }
        handle.Dispose();
        return null;
    }

    internal void Forget(string owner) => File.Delete(Path.Join(_owners, owner));

    public void Dispose()
    {
        if (Claimed().All(s => s.Owner != Owner))
        {
            Forget(Owner);
        }
        _ownLock.Dispose();
    }

    private string LinkOf(int number) => Path.Join(_slots, number.ToString(CultureInfo.InvariantCulture));

    private static int Descriptor(SafeFileHandle handle) => (int)handle.DangerousGetHandle();
}
