#include "waiting.h"

static DRIVER_CANCEL Counter_CancelRequest;

_Use_decl_annotations_
VOID
Counter_Create(PCOUNTER Counter)
{
    KeInitializeSpinLock(&Counter->Lock);
    Counter->Value = 0;
    Counter->Waiting = 0;
    InitializeListHead(&Counter->Requests);
}

_Use_decl_annotations_
VOID
Counter_Get(PCOUNTER Counter, PCOUNTER_STATE State)
{
    KIRQL irql;

    KeAcquireSpinLock(&Counter->Lock, &irql);
    State->Value = Counter->Value;
    State->Waiting = Counter->Waiting;
    KeReleaseSpinLock(&Counter->Lock, irql);
}

/* What the request waits for; its input stays in the system buffer until it is completed. */
static ULONGLONG
Counter_WantedBy(_In_ PIRP Irp)
{
    return ((PCOUNTER_VALUE)Irp->AssociatedIrp.SystemBuffer)->Value;
}

/* The lock is held, and the request's cancel routine will not run, or is running. */
static VOID
Counter_Unlink(_Inout_ PCOUNTER Counter, _Inout_ PIRP Irp)
{
    RemoveEntryList(&Irp->Tail.Overlay.ListEntry);
    Counter->Waiting--;
}

static VOID
Counter_CompleteCancelled(_In_ PIRP Irp)
{
    Irp->IoStatus.Status = STATUS_CANCELLED;
    Irp->IoStatus.Information = 0;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
}

/* Called with the system's cancel lock held, at whatever IRQL, after the I/O manager has taken the routine off. */
_Use_decl_annotations_
static VOID NTAPI
Counter_CancelRequest(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PCOUNTER counter = Irp->Tail.Overlay.DriverContext[0];
    ULONGLONG wanted = Counter_WantedBy(Irp);
    KIRQL irql;

    UNREFERENCED_PARAMETER(DeviceObject);

    /* Our own lock is what the list is guarded by, and the two are never held together: there is no order to keep. */
    IoReleaseCancelSpinLock(Irp->CancelIrql);

    KeAcquireSpinLock(&counter->Lock, &irql);
    Counter_Unlink(counter, Irp);
    KeReleaseSpinLock(&counter->Lock, irql);

    DbgPrint("Counter_CancelRequest Called, wanted %I64u\n", wanted);
    Counter_CompleteCancelled(Irp);
}

_Use_decl_annotations_
NTSTATUS
Counter_Wait(PCOUNTER Counter, PIRP Irp, PULONGLONG Value)
{
    BOOLEAN cancelled = FALSE;
    KIRQL irql;

    KeAcquireSpinLock(&Counter->Lock, &irql);
    *Value = Counter->Value;
    if (Counter->Value >= Counter_WantedBy(Irp)) {
        KeReleaseSpinLock(&Counter->Lock, irql);
        return STATUS_SUCCESS;
    }

    /* Pending before anybody else can see it: from the list on, another thread may complete it at any time. */
    IoMarkIrpPending(Irp);
    Irp->Tail.Overlay.DriverContext[0] = Counter;
    InsertTailList(&Counter->Requests, &Irp->Tail.Overlay.ListEntry);
    Counter->Waiting++;

    /*
     * The request may have been cancelled before it had a routine; then nobody will call it. If the routine is gone
     * again it was cancelled in between, and the routine waits for our lock to do the rest.
     */
    (VOID)IoSetCancelRoutine(Irp, Counter_CancelRequest);
    if (Irp->Cancel && IoSetCancelRoutine(Irp, NULL) != NULL) {
        Counter_Unlink(Counter, Irp);
        cancelled = TRUE;
    }
    KeReleaseSpinLock(&Counter->Lock, irql);

    if (cancelled) {
        Counter_CompleteCancelled(Irp);
    }
    return STATUS_PENDING;
}

/*
 * Moves the requests that `File` made, or those that `Value` is enough for if it is NULL, to a list of the caller's, where
 * no cancel routine reaches them. The lock is held.
 */
static ULONG
Counter_Take(_Inout_ PCOUNTER Counter, _In_opt_ const FILE_OBJECT *File, _Inout_ PLIST_ENTRY Taken)
{
    PLIST_ENTRY entry, next;
    ULONG count = 0;

    for (entry = Counter->Requests.Flink; entry != &Counter->Requests; entry = next) {
        PIRP irp = CONTAINING_RECORD(entry, IRP, Tail.Overlay.ListEntry);
        BOOLEAN matches = File != NULL ? IoGetCurrentIrpStackLocation(irp)->FileObject == File
                                       : Counter->Value >= Counter_WantedBy(irp);
        next = entry->Flink;
        /* No routine left: it is about to take the request out itself. */
        if (!matches || IoSetCancelRoutine(irp, NULL) == NULL) {
            continue;
        }
        Counter_Unlink(Counter, irp);
        InsertTailList(Taken, &irp->Tail.Overlay.ListEntry);
        count++;
    }
    return count;
}

_Use_decl_annotations_
NTSTATUS
Counter_Add(PCOUNTER Counter, LONG Amount, PULONGLONG Value, PULONG Released)
{
    LIST_ENTRY reached;
    KIRQL irql;

    InitializeListHead(&reached);
    *Released = 0;

    KeAcquireSpinLock(&Counter->Lock, &irql);
    *Value = Counter->Value;
    if (Amount >= 0 ? Counter->Value > MAXULONGLONG - (ULONGLONG)Amount : Counter->Value < (ULONGLONG)-(LONGLONG)Amount) {
        KeReleaseSpinLock(&Counter->Lock, irql);
        return STATUS_INTEGER_OVERFLOW;
    }
    Counter->Value += (ULONGLONG)(LONGLONG)Amount;
    *Value = Counter->Value;
    *Released = Counter_Take(Counter, NULL, &reached);
    KeReleaseSpinLock(&Counter->Lock, irql);

    while (!IsListEmpty(&reached)) {
        PIRP irp = CONTAINING_RECORD(RemoveHeadList(&reached), IRP, Tail.Overlay.ListEntry);
        ((PCOUNTER_VALUE)irp->AssociatedIrp.SystemBuffer)->Value = *Value;
        irp->IoStatus.Status = STATUS_SUCCESS;
        irp->IoStatus.Information = sizeof(COUNTER_VALUE);
        IoCompleteRequest(irp, IO_NO_INCREMENT);
    }
    return STATUS_SUCCESS;
}

_Use_decl_annotations_
ULONG
Counter_CancelFile(PCOUNTER Counter, const FILE_OBJECT *File)
{
    LIST_ENTRY abandoned;
    ULONG count;
    KIRQL irql;

    InitializeListHead(&abandoned);
    KeAcquireSpinLock(&Counter->Lock, &irql);
    count = Counter_Take(Counter, File, &abandoned);
    KeReleaseSpinLock(&Counter->Lock, irql);

    while (!IsListEmpty(&abandoned)) {
        Counter_CompleteCancelled(CONTAINING_RECORD(RemoveHeadList(&abandoned), IRP, Tail.Overlay.ListEntry));
    }
    return count;
}
