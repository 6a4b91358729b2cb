#include "resource.h"

_Use_decl_annotations_
VOID
ResourceList_Create(PEXAMPLE_RESOURCE_LIST List)
{
    PAGED_CODE();

    KeInitializeMutex(&List->Mutex, 0);
    InitializeListHead(&List->Head);
}

_Use_decl_annotations_
ULONG
ResourceList_Count(PEXAMPLE_RESOURCE_LIST List)
{
    PLIST_ENTRY entry;
    ULONG count = 0;

    PAGED_CODE();

    Example_Lock(&List->Mutex);
    for (entry = List->Head.Flink; entry != &List->Head; entry = entry->Flink) {
        count++;
    }
    Example_Unlock(&List->Mutex);
    return count;
}

/* The list's mutex is held. */
EXAMPLE_PAGED static PEXAMPLE_RESOURCE
ResourceList_Find(_In_ const EXAMPLE_RESOURCE_LIST *List, _In_ PCUNICODE_STRING Name)
{
    PLIST_ENTRY entry;

    PAGED_CODE();

    for (entry = List->Head.Flink; entry != &List->Head; entry = entry->Flink) {
        PEXAMPLE_RESOURCE resource = CONTAINING_RECORD(entry, EXAMPLE_RESOURCE, Link);
        if (RtlCompareUnicodeString(&resource->Name, Name, TRUE) == 0) {
            return resource;
        }
    }
    return NULL;
}

_Must_inspect_result_
EXAMPLE_PAGED static NTSTATUS
Resource_Create(_In_ PCUNICODE_STRING Name, _Out_ PEXAMPLE_RESOURCE *Resource)
{
    SIZE_T length = FIELD_OFFSET(EXAMPLE_RESOURCE, NameBuffer) + Name->Length + sizeof(WCHAR);
    PEXAMPLE_RESOURCE resource;
    NTSTATUS status;

    PAGED_CODE();

    *Resource = NULL;
    resource = Example_Allocate(max(length, sizeof(*resource)), EXAMPLE_TAG_RESOURCE);
    if (resource == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    RtlZeroMemory(resource, sizeof(*resource));
    status = Ring_Create(&resource->Ring, EXAMPLE_DEFAULT_SIZE);
    if (!NT_SUCCESS(status)) {
        ExFreePoolWithTag(resource, EXAMPLE_TAG_RESOURCE);
        return status;
    }

    InitializeListHead(&resource->Link);
    KeInitializeMutex(&resource->Mutex, 0);
    resource->Name.Buffer = resource->NameBuffer;
    resource->Name.MaximumLength = (USHORT)(Name->Length + sizeof(WCHAR));
    /* The terminator that this leaves room for makes the name readable in a debugger. */
    RtlCopyUnicodeString(&resource->Name, Name);
    Text_FromName(&resource->Label, &resource->Name);
    *Resource = resource;
    return STATUS_SUCCESS;
}

_Use_decl_annotations_
NTSTATUS
Resource_Open(PEXAMPLE_RESOURCE_LIST List, PCUNICODE_STRING Name, PEXAMPLE_RESOURCE *Resource, PULONG References)
{
    PEXAMPLE_RESOURCE resource;
    NTSTATUS status = STATUS_SUCCESS;

    PAGED_CODE();

    *Resource = NULL;
    *References = 0;
    if (Name->Length > EXAMPLE_MAXIMUM_NAME * sizeof(WCHAR)) {
        return STATUS_NAME_TOO_LONG;
    }

    Example_Lock(&List->Mutex);
    resource = ResourceList_Find(List, Name);
    if (resource == NULL) {
        status = Resource_Create(Name, &resource);
        if (NT_SUCCESS(status)) {
            InsertTailList(&List->Head, &resource->Link);
        }
    }
    if (NT_SUCCESS(status)) {
        *References = ++resource->References;
        *Resource = resource;
    }
    Example_Unlock(&List->Mutex);
    return status;
}

_Use_decl_annotations_
VOID
Resource_Reference(PEXAMPLE_RESOURCE_LIST List, PEXAMPLE_RESOURCE Resource)
{
    PAGED_CODE();

    Example_Lock(&List->Mutex);
    Resource->References++;
    Example_Unlock(&List->Mutex);
}

_Use_decl_annotations_
ULONG
Resource_Close(PEXAMPLE_RESOURCE_LIST List, PEXAMPLE_RESOURCE Resource)
{
    ULONG references;

    PAGED_CODE();

    Example_Lock(&List->Mutex);
    references = --Resource->References;
    if (references == 0) {
        RemoveEntryList(&Resource->Link);
    }
    Example_Unlock(&List->Mutex);

    if (references == 0) {
        Ring_Delete(&Resource->Ring);
        ExFreePoolWithTag(Resource, EXAMPLE_TAG_RESOURCE);
    }
    return references;
}

_Use_decl_annotations_
ULONG
Resource_References(PEXAMPLE_RESOURCE_LIST List, const EXAMPLE_RESOURCE *Resource)
{
    ULONG references;

    PAGED_CODE();

    Example_Lock(&List->Mutex);
    references = Resource->References;
    Example_Unlock(&List->Mutex);
    return references;
}
