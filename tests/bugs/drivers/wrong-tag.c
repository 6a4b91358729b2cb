/* Allocated with one tag, freed with another. */
#include "bug.h"

#ifdef FIXED
#define FREED_WITH BUG_TAG
#else
#define FREED_WITH 'gaTx'
#endif

static NTSTATUS
Create(PFILE_OBJECT File)
{
    File->FsContext = Bug_Allocate(100, BUG_TAG);
    return File->FsContext != NULL ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

static VOID
Close(PFILE_OBJECT File)
{
    ExFreePoolWithTag(File->FsContext, FREED_WITH);
}

const BUG_DRIVER Bug = {.Create = Create, .Close = Close};
