/*
 * Requests wait in a list until RELEASE completes them. It takes their cancel routine off and does not look whether it was
 * still there: one that is being cancelled at this moment is completed by both.
 */
#include "bug.h"

#define WAIT BUG_CODE(0)
#define RELEASE BUG_CODE(1)

static KSPIN_LOCK Lock;
static LIST_ENTRY Waiting;

static VOID
Start(VOID)
{
    KeInitializeSpinLock(&Lock);
    InitializeListHead(&Waiting);
}

static VOID NTAPI
Cancel(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    KIRQL irql;

    UNREFERENCED_PARAMETER(DeviceObject);
    IoReleaseCancelSpinLock(Irp->CancelIrql);
    KeAcquireSpinLock(&Lock, &irql);
    RemoveEntryList(&Irp->Tail.Overlay.ListEntry);
    /* So that RELEASE, if it has the request too, does not damage the list: the mistake is the completion. */
    InitializeListHead(&Irp->Tail.Overlay.ListEntry);
    KeReleaseSpinLock(&Lock, irql);
    (VOID)Bug_Complete(Irp, STATUS_CANCELLED, 0);
}

static NTSTATUS
Wait(PIRP Irp)
{
    BOOLEAN cancelled = FALSE;
    KIRQL irql;

    KeAcquireSpinLock(&Lock, &irql);
    IoMarkIrpPending(Irp);
    InsertTailList(&Waiting, &Irp->Tail.Overlay.ListEntry);
    (VOID)IoSetCancelRoutine(Irp, Cancel);
    if (Irp->Cancel && IoSetCancelRoutine(Irp, NULL) != NULL) {
        RemoveEntryList(&Irp->Tail.Overlay.ListEntry);
        cancelled = TRUE;
    }
    KeReleaseSpinLock(&Lock, irql);
    if (cancelled) {
        (VOID)Bug_Complete(Irp, STATUS_CANCELLED, 0);
    }
    return STATUS_PENDING;
}

/* NULL: there is none, or what there is is being cancelled. */
static PIRP
TakeOne(VOID)
{
    PIRP taken = NULL;
    KIRQL irql;

    KeAcquireSpinLock(&Lock, &irql);
    for (PLIST_ENTRY entry = Waiting.Flink; entry != &Waiting && taken == NULL; entry = entry->Flink) {
        PIRP irp = CONTAINING_RECORD(entry, IRP, Tail.Overlay.ListEntry);
#ifdef FIXED
        if (IoSetCancelRoutine(irp, NULL) != NULL) {
            taken = irp;
        }
#else
        (VOID)IoSetCancelRoutine(irp, NULL);
        taken = irp;
#endif
    }
    if (taken != NULL) {
        RemoveEntryList(&taken->Tail.Overlay.ListEntry);
        InitializeListHead(&taken->Tail.Overlay.ListEntry);
    }
    KeReleaseSpinLock(&Lock, irql);
    return taken;
}

static NTSTATUS
Control(PBUG_REQUEST Request)
{
    PIRP irp;

    switch (Request->Code) {
    case WAIT:
        return Wait(Request->Irp);
    case RELEASE:
        while ((irp = TakeOne()) != NULL) {
            (VOID)Bug_Complete(irp, STATUS_SUCCESS, 0);
        }
        return STATUS_SUCCESS;
    default:
        return STATUS_INVALID_DEVICE_REQUEST;
    }
}

const BUG_DRIVER Bug = {.Start = Start, .Control = Control};
