using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Fnq.Execution.Sandboxes.Egress;

/// <summary>One rtnetlink request as it is built: header, body, attributes, each four bytes aligned (man 7 rtnetlink).</summary>
internal ref struct NetlinkMessage
{
    internal const ushort NewLink = 16, DeleteLink = 17, SetLink = 19, NewAddress = 20, NewRoute = 24;
    internal const ushort Create = 0x400, Exclusive = 0x200;
    private const ushort Request = 1, Acknowledge = 4;
    private const int HeaderBytes = 16, AttributeHeaderBytes = 4;
    private readonly Span<byte> _buffer;
    private int _length;

    internal NetlinkMessage(Span<byte> buffer, ushort type, ushort flags = 0)
    {
        _buffer = buffer;
        buffer.Clear();
        MemoryMarshal.Write(buffer[4..], type);
        MemoryMarshal.Write(buffer[6..], (ushort)(Request | Acknowledge | flags));
        _length = HeaderBytes;
    }

    /// <summary>The whole message, its length filled in.</summary>
    internal readonly Span<byte> Finish()
    {
        MemoryMarshal.Write(_buffer, _length);
        return _buffer[.._length];
    }

    /// <summary>The fixed part behind the header.</summary>
    internal void Body<T>(in T value) where T : unmanaged
    {
        MemoryMarshal.Write(_buffer[_length..], value);
        _length += Align(Unsafe.SizeOf<T>());
    }

    internal void Add(ushort type, scoped ReadOnlySpan<byte> value)
    {
        MemoryMarshal.Write(_buffer[_length..], (ushort)(AttributeHeaderBytes + value.Length));
        MemoryMarshal.Write(_buffer[(_length + 2)..], type);
        value.CopyTo(_buffer[(_length + AttributeHeaderBytes)..]);
        _length += Align(AttributeHeaderBytes + value.Length);
    }

    internal void Add(ushort type, int value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(int)];
        MemoryMarshal.Write(bytes, value);
        Add(type, bytes);
    }

    internal void AddAddress(ushort type, uint address)
    {
        Span<byte> bytes = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, address);
        Add(type, bytes);
    }

    internal void AddText(ushort type, string text) => Add(type, Encoding.ASCII.GetBytes(text + '\0'));

    /// <summary>Opens an attribute that holds others; give what this returns to <see cref="EndNested"/>.</summary>
    internal int BeginNested(ushort type)
    {
        var start = _length;
        MemoryMarshal.Write(_buffer[(start + 2)..], type);
        _length += AttributeHeaderBytes;
        return start;
    }

    internal readonly void EndNested(int start) => MemoryMarshal.Write(_buffer[start..], (ushort)(_length - start));

    private static int Align(int length) => (length + 3) & ~3;
}

/// <summary>struct ifinfomsg.</summary>
[StructLayout(LayoutKind.Sequential)]
internal record struct LinkBody(byte Family, byte Padding, ushort Type, int Index, uint Flags, uint Change);

/// <summary>struct ifaddrmsg.</summary>
[StructLayout(LayoutKind.Sequential)]
internal record struct AddressBody(byte Family, byte PrefixLength, byte Flags, byte Scope, int Index);

/// <summary>struct rtmsg.</summary>
[StructLayout(LayoutKind.Sequential)]
internal record struct RouteBody(
    byte Family, byte DestinationLength, byte SourceLength, byte TypeOfService, byte Table, byte Protocol, byte Scope, byte Type, uint Flags);
