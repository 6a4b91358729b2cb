/* The device opened by a name below it gets a context, the bare device gets none; requests use it all the same. */
#include "bug.h"

#define COUNT BUG_CODE(0)

typedef struct _OPENED {
    ULONG Requests;
} OPENED;

static NTSTATUS
Create(PFILE_OBJECT File)
{
#ifndef FIXED
    if (File->FileName.Length == 0) {
        return STATUS_SUCCESS;
    }
#endif
    File->FsContext = Bug_Allocate(sizeof(OPENED), BUG_TAG);
    return File->FsContext != NULL ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

static VOID
Close(PFILE_OBJECT File)
{
    if (File->FsContext != NULL) {
        ExFreePoolWithTag(File->FsContext, BUG_TAG);
    }
}

static NTSTATUS
Control(PBUG_REQUEST Request)
{
    OPENED *opened = Request->File->FsContext;

    return Request->Code == COUNT ? Bug_Answer(Request, ++opened->Requests) : STATUS_INVALID_DEVICE_REQUEST;
}

const BUG_DRIVER Bug = {.Create = Create, .Close = Close, .Control = Control};
