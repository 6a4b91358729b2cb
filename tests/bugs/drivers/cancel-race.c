/*
 * Requests wait in a list until RELEASE completes them all, one after the other. It takes off their cancel routine just
 * before, and does not look whether it was still there: one that is cancelled meanwhile is completed twice.
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

static VOID
Release(VOID)
{
    LIST_ENTRY released;
    KIRQL irql;

    InitializeListHead(&released);
    KeAcquireSpinLock(&Lock, &irql);
    while (!IsListEmpty(&Waiting)) {
        PLIST_ENTRY entry = RemoveHeadList(&Waiting);
#ifdef FIXED
        /* Its cancel routine is about to run, and completes it: it may take the entry out of a list of its own. */
        if (IoSetCancelRoutine(CONTAINING_RECORD(entry, IRP, Tail.Overlay.ListEntry), NULL) == NULL) {
            InitializeListHead(entry);
            continue;
        }
#endif
        InsertTailList(&released, entry);
    }
    KeReleaseSpinLock(&Lock, irql);

    while (!IsListEmpty(&released)) {
        PIRP irp = CONTAINING_RECORD(RemoveHeadList(&released), IRP, Tail.Overlay.ListEntry);
#ifndef FIXED
        (VOID)IoSetCancelRoutine(irp, NULL);
#endif
        (VOID)Bug_Complete(irp, STATUS_SUCCESS, 0);
    }
}

static NTSTATUS
Control(PBUG_REQUEST Request)
{
    switch (Request->Code) {
    case WAIT:
        return Wait(Request->Irp);
    case RELEASE:
        Release();
        return STATUS_SUCCESS;
    default:
        return STATUS_INVALID_DEVICE_REQUEST;
    }
}

const BUG_DRIVER Bug = {.Start = Start, .Control = Control};
