/*
 * Resource contexts: one per open name, found by name at CREATE, by FsContext afterwards.
 * Lock order: the list's mutex before a resource's mutex; nothing here takes both.
 */
#pragma once

#include "ring.h"
#include "text.h"

typedef struct _EXAMPLE_RESOURCE {
    LIST_ENTRY Link;  /* list's mutex */
    ULONG References; /* list's mutex */
    UNICODE_STRING Name;
    EXAMPLE_LABEL Label; /* the name as it is printed */
    KMUTEX Mutex;
    EXAMPLE_RING Ring; /* own mutex */
    _Field_size_bytes_(Name.MaximumLength) WCHAR NameBuffer[1];
} EXAMPLE_RESOURCE, *PEXAMPLE_RESOURCE;

typedef struct _EXAMPLE_RESOURCE_LIST {
    KMUTEX Mutex;
    LIST_ENTRY Head;
} EXAMPLE_RESOURCE_LIST, *PEXAMPLE_RESOURCE_LIST;

EXAMPLE_PAGED VOID ResourceList_Create(_Out_ PEXAMPLE_RESOURCE_LIST List);
EXAMPLE_PAGED ULONG ResourceList_Count(_Inout_ PEXAMPLE_RESOURCE_LIST List);

/*
 * Finds or makes the resource of that name and takes a reference; *References counts it.
 * Fails with STATUS_NAME_TOO_LONG or STATUS_INSUFFICIENT_RESOURCES.
 */
_Must_inspect_result_
EXAMPLE_PAGED NTSTATUS Resource_Open(_Inout_ PEXAMPLE_RESOURCE_LIST List, _In_ PCUNICODE_STRING Name,
                                     _Out_ PEXAMPLE_RESOURCE *Resource, _Out_ PULONG References);

/* Takes one more reference to a resource of which the caller has one. */
EXAMPLE_PAGED VOID Resource_Reference(_Inout_ PEXAMPLE_RESOURCE_LIST List, _Inout_ PEXAMPLE_RESOURCE Resource);

/* Drops a reference and gives how many are left; at zero the resource is gone. */
EXAMPLE_PAGED ULONG Resource_Close(_Inout_ PEXAMPLE_RESOURCE_LIST List, _In_ PEXAMPLE_RESOURCE Resource);

EXAMPLE_PAGED ULONG Resource_References(_Inout_ PEXAMPLE_RESOURCE_LIST List, _In_ const EXAMPLE_RESOURCE *Resource);
