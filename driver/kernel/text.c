#include "text.h"

EXAMPLE_PAGED static VOID
Text_End(_Out_ PCHAR End, _In_ BOOLEAN More)
{
    RtlCopyMemory(End, More ? "..." : "", More ? 4 : 1);
}

_Use_decl_annotations_
VOID
Text_FromName(EXAMPLE_LABEL *Label, PCUNICODE_STRING Name)
{
    ULONG characters = Name->Length / sizeof(WCHAR);
    ULONG shown = min(characters, EXAMPLE_LABEL_LENGTH);
    ULONG i;

    PAGED_CODE();

    if (characters == 0) {
        RtlCopyMemory(*Label, "(device)", sizeof("(device)"));
        return;
    }
    for (i = 0; i < shown; i++) {
        WCHAR c = Name->Buffer[i];
        (*Label)[i] = (c >= 0x20 && c < 0x7F) ? (CHAR)c : '?';
    }
    Text_End(&(*Label)[shown], characters > shown);
}

_Use_decl_annotations_
VOID
Text_FromBytes(EXAMPLE_TEXT *Text, const UCHAR *Bytes, ULONG Length, BOOLEAN More)
{
    ULONG shown = min(Length, EXAMPLE_TEXT_LENGTH);
    ULONG i;

    PAGED_CODE();

    for (i = 0; i < shown; i++) {
        UCHAR c = Bytes[i];
        (*Text)[i] = (c >= 0x20 && c < 0x7F) ? (CHAR)c : '.';
    }
    Text_End(&(*Text)[shown], More || Length > shown);
}
