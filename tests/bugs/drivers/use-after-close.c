/* All that is open stands in a list; what is closed is freed, and stays in the list. */
#include "bug.h"

#define SUM BUG_CODE(0)
#define SET BUG_CODE(1)

typedef struct _OPENED {
    LIST_ENTRY Link;
    ULONG Value;
} OPENED;

static KMUTEX Mutex;
static LIST_ENTRY All;

static VOID
Lock(VOID)
{
    (VOID)KeWaitForSingleObject(&Mutex, Executive, KernelMode, FALSE, NULL);
}

static VOID
Unlock(VOID)
{
    (VOID)KeReleaseMutex(&Mutex, FALSE);
}

static VOID
Start(VOID)
{
    KeInitializeMutex(&Mutex, 0);
    InitializeListHead(&All);
}

static NTSTATUS
Create(PFILE_OBJECT File)
{
    OPENED *opened = Bug_Allocate(sizeof(*opened), BUG_TAG);

    if (opened == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Lock();
    InsertTailList(&All, &opened->Link);
    Unlock();
    File->FsContext = opened;
    return STATUS_SUCCESS;
}

static VOID
Close(PFILE_OBJECT File)
{
    OPENED *opened = File->FsContext;

#ifdef FIXED
    Lock();
    RemoveEntryList(&opened->Link);
    Unlock();
#endif
    ExFreePoolWithTag(opened, BUG_TAG);
}

static NTSTATUS
Control(PBUG_REQUEST Request)
{
    ULONG sum = 0;

    if (Request->Code == SET) {
        ((OPENED *)Request->File->FsContext)->Value = Request->Number;
        return STATUS_SUCCESS;
    }
    if (Request->Code != SUM) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    Lock();
    for (PLIST_ENTRY entry = All.Flink; entry != &All; entry = entry->Flink) {
        sum += CONTAINING_RECORD(entry, OPENED, Link)->Value;
    }
    Unlock();
    return Bug_Answer(Request, sum);
}

const BUG_DRIVER Bug = {.Start = Start, .Create = Create, .Close = Close, .Control = Control};
