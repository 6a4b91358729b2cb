/* Every open allocates, no close frees. */
#include "bug.h"

static NTSTATUS
Create(PFILE_OBJECT File)
{
    File->FsContext = Bug_Allocate(100, BUG_TAG);
    return File->FsContext != NULL ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

static VOID
Close(PFILE_OBJECT File)
{
#ifdef FIXED
    ExFreePoolWithTag(File->FsContext, BUG_TAG);
#endif
    File->FsContext = NULL;
}

const BUG_DRIVER Bug = {.Create = Create, .Close = Close};
