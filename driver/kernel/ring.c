#include "ring.h"

#include "fault.h"

_Use_decl_annotations_
NTSTATUS
Ring_Create(PEXAMPLE_RING Ring, ULONG Size)
{
    PAGED_CODE();

    RtlZeroMemory(Ring, sizeof(*Ring));
    Ring->Data = Example_Allocate(Size, EXAMPLE_TAG_BUFFER);
    if (Ring->Data == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Ring->Size = Size;
    Ring->Mode = EXAMPLE_MODE_DROP_NEW;
    return STATUS_SUCCESS;
}

_Use_decl_annotations_
VOID
Ring_Delete(PEXAMPLE_RING Ring)
{
    PAGED_CODE();

    ExFreePoolWithTag(Ring->Data, EXAMPLE_TAG_BUFFER);
    Ring->Data = NULL;
    Ring->Size = 0;
}

EXAMPLE_PAGED static VOID
Ring_Discard(_Inout_ PEXAMPLE_RING Ring, _In_ ULONG Length)
{
    PAGED_CODE();

    Ring->Head = (Ring->Head + Length) % Ring->Size;
    Ring->Held -= Length;
}

_Use_decl_annotations_
NTSTATUS
Ring_Write(PEXAMPLE_RING Ring, const EXAMPLE_TRANSFER *Transfer, PULONG Moved)
{
    BOOLEAN overwrites = Ring->Mode == EXAMPLE_MODE_OVERWRITE_OLDEST;
    ULONG store, skip, room, tail, first;
    NTSTATUS status;

    PAGED_CODE();

    *Moved = 0;
    Fault_BeforeRingWrite(Ring);

    room = Ring->Size - Ring->Held;
    store = min(Transfer->Length, overwrites ? Ring->Size : room);
    skip = overwrites ? Transfer->Length - store : 0;
    if (store > room) {
        Ring->Dropped += store - room;
        Ring_Discard(Ring, store - room);
    }

    tail = (Ring->Head + Ring->Held) % Ring->Size;
    first = min(store, Ring->Size - tail);
    status = Transfer_CopyFrom(Transfer, skip, Ring->Data + tail, first);
    if (NT_SUCCESS(status)) {
        status = Transfer_CopyFrom(Transfer, skip + first, Ring->Data, store - first);
    }
    if (!NT_SUCCESS(status)) {
        return status;
    }

    Fault_AfterRingWrite(Ring);
    Ring->Held += store;
    Ring->Dropped += Transfer->Length - store;
    *Moved = overwrites ? Transfer->Length : store;
    return STATUS_SUCCESS;
}

_Use_decl_annotations_
NTSTATUS
Ring_Read(PEXAMPLE_RING Ring, const EXAMPLE_TRANSFER *Transfer, PULONG Moved)
{
    ULONG take = min(Transfer->Length, Ring->Held);
    ULONG first = min(take, Ring->Size - Ring->Head);
    NTSTATUS status;

    PAGED_CODE();

    *Moved = 0;
    status = Transfer_CopyTo(Transfer, 0, Ring->Data + Ring->Head, first);
    if (NT_SUCCESS(status)) {
        status = Transfer_CopyTo(Transfer, first, Ring->Data, take - first);
    }
    if (!NT_SUCCESS(status)) {
        return status;
    }

    Fault_AfterRingRead(Ring);
    Ring_Discard(Ring, take);
    *Moved = take;
    return STATUS_SUCCESS;
}

_Use_decl_annotations_
NTSTATUS
Ring_ExchangeMemory(PEXAMPLE_RING Ring, PEXAMPLE_RING Other)
{
    PUCHAR data = Ring->Data;
    ULONG size = Ring->Size;

    PAGED_CODE();

    if (Ring->Held != 0) {
        return STATUS_DEVICE_BUSY;
    }
    Ring->Data = Other->Data;
    Ring->Size = Other->Size;
    Ring->Head = 0;
    Other->Data = data;
    Other->Size = size;
    return STATUS_SUCCESS;
}
