#include "fault.h"

#include "device.h"

#define FAULT_TAG 'tFxE' /* ExFt */
#define FAULT_BLOCK_LENGTH 64u
#define FAULT_OVERRUN_LENGTH 32u
#define FAULT_LOST_UPDATE_PERIOD 4u

typedef struct _FAULT_HOLDER {
    LIST_ENTRY Link;
    PEXAMPLE_RESOURCE Resource; /* referenced, so that its mutex stays in place */
    PVOID Thread;
    KEVENT Taken;
    KEVENT LetGo;
} FAULT_HOLDER, *PFAULT_HOLDER;

_Function_class_(KSTART_ROUTINE) EXAMPLE_PAGED static VOID NTAPI Fault_HoldMutex(_In_ PVOID Context);

EXAMPLE_PAGED static VOID
Fault_NullWrite(VOID)
{
    ULONG *volatile nowhere = NULL;

    PAGED_CODE();
    *nowhere = 1;
}

EXAMPLE_PAGED static NTSTATUS
Fault_DoubleFree(VOID)
{
    PVOID block = Example_Allocate(FAULT_BLOCK_LENGTH, FAULT_TAG);

    PAGED_CODE();

    if (block == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    ExFreePoolWithTag(block, FAULT_TAG);
    ExFreePoolWithTag(block, FAULT_TAG);
    return STATUS_SUCCESS;
}

EXAMPLE_PAGED static NTSTATUS
Fault_PoolOverrun(VOID)
{
    volatile UCHAR *block = Example_Allocate(FAULT_BLOCK_LENGTH, FAULT_TAG);
    ULONG i;

    PAGED_CODE();

    if (block == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    for (i = 0; i < FAULT_BLOCK_LENGTH + FAULT_OVERRUN_LENGTH; i++) {
        block[i] = 0xEE;
    }
    ExFreePoolWithTag((PVOID)block, FAULT_TAG);
    return STATUS_SUCCESS;
}

EXAMPLE_PAGED static NTSTATUS
Fault_UseAfterFree(VOID)
{
    volatile UCHAR *block = Example_Allocate(FAULT_BLOCK_LENGTH, FAULT_TAG);

    PAGED_CODE();

    if (block == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    block[0] = 1;
    ExFreePoolWithTag((PVOID)block, FAULT_TAG);
    block[0] = block[0] + 1;
    return STATUS_SUCCESS;
}

_Use_decl_annotations_
static VOID NTAPI
Fault_HoldMutex(PVOID Context)
{
    PFAULT_HOLDER holder = Context;

    PAGED_CODE();

    Example_Lock(&holder->Resource->Mutex);
    KeSetEvent(&holder->Taken, IO_NO_INCREMENT, FALSE);
    (VOID)KeWaitForSingleObject(&holder->LetGo, Executive, KernelMode, FALSE, NULL);
    Example_Unlock(&holder->Resource->Mutex);
    (VOID)PsTerminateSystemThread(STATUS_SUCCESS);
}

_Must_inspect_result_
EXAMPLE_PAGED static NTSTATUS
Fault_StartHolder(_Inout_ PFAULT_HOLDER Holder)
{
    OBJECT_ATTRIBUTES attributes;
    HANDLE handle;
    NTSTATUS status;

    PAGED_CODE();

    InitializeObjectAttributes(&attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    status = PsCreateSystemThread(&handle, THREAD_ALL_ACCESS, &attributes, NULL, NULL, Fault_HoldMutex, Holder);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = ObReferenceObjectByHandle(handle, SYNCHRONIZE, NULL, KernelMode, &Holder->Thread, NULL);
    if (!NT_SUCCESS(status)) {
        /* Without a pointer to wait on it later, the thread must be gone before its holder is. */
        KeSetEvent(&Holder->LetGo, IO_NO_INCREMENT, FALSE);
        (VOID)ZwWaitForSingleObject(handle, FALSE, NULL);
    }
    (VOID)ZwClose(handle);
    return status;
}

/*
 * A mutex that is never released. A system thread keeps it: the requesting thread could not return to user mode
 * owning a kernel mutex, and an I/O manager that serves all requests on one thread would own it again and again.
 */
_Must_inspect_result_
EXAMPLE_PAGED static NTSTATUS
Fault_MutexHeld(_Inout_ PEXAMPLE_DEVICE Device, _Inout_ PEXAMPLE_RESOURCE Resource)
{
    PFAULT_HOLDER holder = Example_Allocate(sizeof(*holder), FAULT_TAG);
    NTSTATUS status;

    PAGED_CODE();

    if (holder == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    KeInitializeEvent(&holder->Taken, NotificationEvent, FALSE);
    KeInitializeEvent(&holder->LetGo, NotificationEvent, FALSE);
    holder->Resource = Resource;
    holder->Thread = NULL;
    Resource_Reference(&Device->Resources, Resource);

    status = Fault_StartHolder(holder);
    if (!NT_SUCCESS(status)) {
        (VOID)Resource_Close(&Device->Resources, Resource);
        ExFreePoolWithTag(holder, FAULT_TAG);
        return status;
    }
    Example_Lock(&Device->Holders.Mutex);
    InsertTailList(&Device->Holders.Head, &holder->Link);
    Example_Unlock(&Device->Holders.Mutex);

    (VOID)KeWaitForSingleObject(&holder->Taken, Executive, KernelMode, FALSE, NULL);
    return STATUS_SUCCESS;
}

_Use_decl_annotations_
VOID
Fault_CreateHolders(PEXAMPLE_FAULT_HOLDERS Holders)
{
    PAGED_CODE();

    KeInitializeMutex(&Holders->Mutex, 0);
    InitializeListHead(&Holders->Head);
}

_Use_decl_annotations_
VOID
Fault_DeleteHolders(PEXAMPLE_DEVICE Device)
{
    PLIST_ENTRY head = &Device->Holders.Head;
    PLIST_ENTRY entry;

    PAGED_CODE();

    /* All at once, then one by one: a holder may itself wait for a mutex that a later one has. */
    for (entry = head->Flink; entry != head; entry = entry->Flink) {
        KeSetEvent(&CONTAINING_RECORD(entry, FAULT_HOLDER, Link)->LetGo, IO_NO_INCREMENT, FALSE);
    }
    while (!IsListEmpty(head)) {
        PFAULT_HOLDER holder = CONTAINING_RECORD(RemoveHeadList(head), FAULT_HOLDER, Link);
        (VOID)KeWaitForSingleObject(holder->Thread, Executive, KernelMode, FALSE, NULL);
        ObDereferenceObject(holder->Thread);
        (VOID)Resource_Close(&Device->Resources, holder->Resource);
        ExFreePoolWithTag(holder, FAULT_TAG);
    }
}

_Must_inspect_result_
EXAMPLE_PAGED static NTSTATUS
Fault_LostUpdate(_Inout_ PEXAMPLE_RESOURCE Resource)
{
    PAGED_CODE();

    Example_Lock(&Resource->Mutex);
    Resource->Ring.LosesUpdates = TRUE;
    Resource->Ring.LastWasWrite = FALSE;
    Resource->Ring.FollowingWrites = 0;
    Example_Unlock(&Resource->Mutex);
    return STATUS_SUCCESS;
}

_Use_decl_annotations_
VOID
Fault_BeforeRingWrite(PEXAMPLE_RING Ring)
{
    PAGED_CODE();

    if (Ring->LosesUpdates && Ring->LastWasWrite && ++Ring->FollowingWrites == FAULT_LOST_UPDATE_PERIOD) {
        Ring->FollowingWrites = 0;
        Ring->Held = Ring->HeldBeforeWrite;
    }
}

_Use_decl_annotations_
VOID
Fault_AfterRingWrite(PEXAMPLE_RING Ring)
{
    PAGED_CODE();

    Ring->LastWasWrite = TRUE;
    Ring->HeldBeforeWrite = Ring->Held;
}

_Use_decl_annotations_
VOID
Fault_AfterRingRead(PEXAMPLE_RING Ring)
{
    PAGED_CODE();

    Ring->LastWasWrite = FALSE;
}

/* Works without end: a processor is busy, and nothing comes of it. */
EXAMPLE_PAGED static VOID
Fault_EndlessLoop(VOID)
{
    volatile ULONGLONG rounds = 0;

    PAGED_CODE();

    while (rounds != MAXULONGLONG) {
        rounds = rounds + 1;
    }
}

EXAMPLE_PAGED static PCSTR
Fault_Name(_In_ ULONG Kind)
{
    PAGED_CODE();

    switch (Kind) {
    case EXAMPLE_FAULT_NULL_WRITE:
        return "null-write";
    case EXAMPLE_FAULT_BUGCHECK:
        return "bugcheck";
    case EXAMPLE_FAULT_DOUBLE_FREE:
        return "double-free";
    case EXAMPLE_FAULT_POOL_OVERRUN:
        return "pool-overrun";
    case EXAMPLE_FAULT_USE_AFTER_FREE:
        return "use-after-free";
    case EXAMPLE_FAULT_REFERENCE_LEAK:
        return "reference-leak";
    case EXAMPLE_FAULT_MUTEX_HELD:
        return "mutex-held";
    case EXAMPLE_FAULT_IRP_NEVER_COMPLETED:
        return "irp-never-completed";
    case EXAMPLE_FAULT_LOST_UPDATE:
        return "lost-update";
    case EXAMPLE_FAULT_ENDLESS_LOOP:
        return "endless-loop";
    default:
        return "unknown";
    }
}

_Use_decl_annotations_
NTSTATUS
Fault_Commit(PEXAMPLE_DEVICE Device, PEXAMPLE_RESOURCE Resource, PIRP Irp, ULONG Kind)
{
    PAGED_CODE();

    DbgPrint("Example_Fault Called, kind %lu %s\n", Kind, Fault_Name(Kind));
    switch (Kind) {
    case EXAMPLE_FAULT_NULL_WRITE:
        Fault_NullWrite();
        return STATUS_SUCCESS;
    case EXAMPLE_FAULT_BUGCHECK:
        KeBugCheckEx(EXAMPLE_BUGCHECK_CODE, EXAMPLE_BUGCHECK_PARAMETER1, EXAMPLE_BUGCHECK_PARAMETER2,
                     EXAMPLE_BUGCHECK_PARAMETER3, EXAMPLE_BUGCHECK_PARAMETER4);
    case EXAMPLE_FAULT_DOUBLE_FREE:
        return Fault_DoubleFree();
    case EXAMPLE_FAULT_POOL_OVERRUN:
        return Fault_PoolOverrun();
    case EXAMPLE_FAULT_USE_AFTER_FREE:
        return Fault_UseAfterFree();
    case EXAMPLE_FAULT_REFERENCE_LEAK:
        Resource_Reference(&Device->Resources, Resource);
        return STATUS_SUCCESS;
    case EXAMPLE_FAULT_MUTEX_HELD:
        return Fault_MutexHeld(Device, Resource);
    case EXAMPLE_FAULT_IRP_NEVER_COMPLETED:
        IoMarkIrpPending(Irp);
        return STATUS_PENDING;
    case EXAMPLE_FAULT_LOST_UPDATE:
        return Fault_LostUpdate(Resource);
    case EXAMPLE_FAULT_ENDLESS_LOOP:
        Fault_EndlessLoop();
        return STATUS_SUCCESS;
    default:
        return STATUS_INVALID_PARAMETER;
    }
}
