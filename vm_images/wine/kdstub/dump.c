#define _GNU_SOURCE
#include "dump.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bytes.h"

/* Layouts are those of minidumpapiset.h in the Windows SDK. */
enum {
    THREAD_LIST = 3,
    MODULE_LIST = 4,
    MEMORY_LIST = 5,
    EXCEPTION = 6,
    SYSTEM_INFO = 7,
    COMMENT_A = 10,
    MISC_INFO = 15,
    MEMORY_INFO_LIST = 16,
    STREAMS = 8,
    THREAD_SIZE = 48,
    MODULE_SIZE = 108,
    RANGE_SIZE = 16,
    INFO_SIZE = 48,
};
enum { PAGE = 4096, MODULES_MAX = 256, RANGES_MAX = 4096, NAME_MAX_BYTES = 520, CODEVIEW_MAX = 1024 };
enum { WITH_PRIVATE_READ_WRITE_MEMORY = 0x200, WITH_FULL_MEMORY_INFO = 0x800 };
enum { MEM_COMMIT = 0x1000, MEM_PRIVATE = 0x20000 };
static const uint32_t SIGNATURE = 0x504D444D; /* "MDMP" */
static const uint32_t BUGCHECK_EXCEPTION = 0xE0424347; /* as the driver host raises it for debuggers of its own */
static const uint64_t WINDOWS_END = 1ULL << 40; /* Wine's Unix side, and the system's, are above */
static const uint64_t PAGE_PRESENT = 1ULL << 63, PAGE_OF_FILE = 1ULL << 61;

struct range {
    uint64_t start, size;
    uint32_t at;
};

struct dump {
    FILE *file;
    const struct view *view;
    const struct process *process;
    const struct death *death;
    unsigned streams;
    size_t ranges, infos;
    struct range range[RANGES_MAX];
    uint8_t info[RANGES_MAX * INFO_SIZE];
};

/* --- into the file --- */

static uint32_t append(struct dump *dump, const void *bytes, size_t length)
{
    uint32_t at = (uint32_t)ftell(dump->file);
    fwrite(bytes, 1, length, dump->file);
    return at;
}

static void enter_stream(struct dump *dump, uint32_t type, uint32_t at, size_t length)
{
    uint8_t entry[12];
    put_u32(entry, type);
    put_u32(entry + 4, (uint32_t)length);
    put_u32(entry + 8, at);
    fseek(dump->file, (long)(32 + sizeof entry * dump->streams++), SEEK_SET);
    fwrite(entry, 1, sizeof entry, dump->file);
    fseek(dump->file, 0, SEEK_END);
}

static void add_stream(struct dump *dump, uint32_t type, const void *bytes, size_t length)
{
    enter_stream(dump, type, append(dump, bytes, length), length);
}

static void add_list(struct dump *dump, uint32_t type, const uint8_t *items, size_t count, size_t size)
{
    uint8_t head[4];
    put_u32(head, (uint32_t)count);
    uint32_t at = append(dump, head, sizeof head);
    append(dump, items, count * size);
    enter_stream(dump, type, at, sizeof head + count * size);
}

/* A MINIDUMP_STRING of `length` bytes of UTF-16. */
static uint32_t append_name(struct dump *dump, const uint8_t *name, size_t length)
{
    uint8_t string[4 + NAME_MAX_BYTES + 2] = {0};
    put_u32(string, (uint32_t)length);
    memcpy(string + 4, name, length);
    return append(dump, string, 4 + length + 2);
}

/* --- out of the process --- */

static bool read_exactly(const struct dump *dump, uint64_t address, void *to, size_t length)
{
    return process_read(dump->process, address, to, length) == length;
}

static uint64_t read_u64(const struct dump *dump, uint64_t address)
{
    uint8_t bytes[8];
    return read_exactly(dump, address, bytes, sizeof bytes) ? get_u64(bytes) : 0;
}

/* --- memory: the pages that are the process's own --- */

static void save_pages(struct dump *dump, uint64_t start, uint64_t end)
{
    uint8_t page[PAGE];
    struct range *range = &dump->range[dump->ranges];
    if (start == end || dump->ranges == RANGES_MAX)
        return;
    *range = (struct range){.start = start, .at = (uint32_t)ftell(dump->file)};
    for (; start < end && read_exactly(dump, start, page, PAGE); start += PAGE, range->size += PAGE)
        append(dump, page, PAGE);
    dump->ranges += range->size != 0;
}

static void save_mapping(struct dump *dump, int pagemap, uint64_t start, uint64_t end)
{
    uint64_t first = start, entry;
    for (; start < end; start += PAGE) {
        bool own = pread(pagemap, &entry, sizeof entry, (off_t)(start / PAGE * sizeof entry)) == sizeof entry &&
                   (entry & PAGE_PRESENT) && !(entry & PAGE_OF_FILE);
        if (own)
            continue;
        save_pages(dump, first, start);
        first = start + PAGE;
    }
    save_pages(dump, first, end);
}

/* PAGE_READONLY and so on, of the letters in /proc/PID/maps. */
static uint32_t protection(const char *letters)
{
    bool writes = letters[1] == 'w', executes = letters[2] == 'x';
    uint32_t least = letters[0] != 'r' ? 1 : writes ? 4 : 2;
    return executes ? least << 4 : least;
}

static void describe_mapping(struct dump *dump, uint64_t start, uint64_t end, const char *letters)
{
    uint8_t *info = dump->info + dump->infos * INFO_SIZE;
    if (dump->infos == RANGES_MAX)
        return;
    put_u64(info, start);
    put_u64(info + 8, start);
    put_u32(info + 16, protection(letters));
    put_u64(info + 24, end - start);
    put_u32(info + 32, MEM_COMMIT);
    put_u32(info + 36, protection(letters));
    put_u32(info + 40, MEM_PRIVATE);
    dump->infos++;
}

static void add_mappings(struct dump *dump)
{
    uint8_t head[16] = {sizeof head, [4] = INFO_SIZE};
    put_u64(head + 8, dump->infos);
    uint32_t at = append(dump, head, sizeof head);
    append(dump, dump->info, dump->infos * INFO_SIZE);
    enter_stream(dump, MEMORY_INFO_LIST, at, sizeof head + dump->infos * INFO_SIZE);
}

static void save_memory(struct dump *dump)
{
    char path[64], line[512];
    static uint8_t list[RANGES_MAX * RANGE_SIZE];
    snprintf(path, sizeof path, "/proc/%d/pagemap", (int)dump->process->pid);
    int pagemap = open(path, O_RDONLY | O_CLOEXEC);
    snprintf(path, sizeof path, "/proc/%d/maps", (int)dump->process->pid);
    FILE *maps = fopen(path, "re");
    while (maps && pagemap >= 0 && fgets(line, sizeof line, maps)) {
        char *rest;
        uint64_t start = strtoull(line, &rest, 16);
        uint64_t end = *rest == '-' ? strtoull(rest + 1, &rest, 16) : 0;
        if (!end || end > WINDOWS_END || strlen(rest) < 5)
            continue;
        describe_mapping(dump, start, end, rest + 1);
        if (rest[1] == 'r')
            save_mapping(dump, pagemap, start, end);
    }
    if (maps)
        fclose(maps);
    if (pagemap >= 0)
        close(pagemap);
    for (size_t i = 0; i < dump->ranges; i++) {
        put_u64(list + i * RANGE_SIZE, dump->range[i].start);
        put_u32(list + i * RANGE_SIZE + 8, (uint32_t)dump->range[i].size);
        put_u32(list + i * RANGE_SIZE + 12, dump->range[i].at);
    }
    add_list(dump, MEMORY_LIST, list, dump->ranges, RANGE_SIZE);
    add_mappings(dump);
}

/* --- threads --- */

/* What of the memory that is in the file already belongs to the stack from `pointer` up. */
static void describe_stack(const struct dump *dump, uint64_t pointer, uint64_t base, uint8_t *descriptor)
{
    for (size_t i = 0; i < dump->ranges; i++) {
        const struct range *range = &dump->range[i];
        uint64_t end = range->start + range->size;
        if (pointer < range->start || pointer >= end)
            continue;
        if (base > pointer && base < end)
            end = base;
        put_u64(descriptor, pointer);
        put_u32(descriptor + 8, (uint32_t)(end - pointer));
        put_u32(descriptor + 12, range->at + (uint32_t)(pointer - range->start));
    }
}

static uint32_t save_threads(struct dump *dump, uint32_t *context_at)
{
    static uint8_t list[PROCESSORS_MAX * THREAD_SIZE];
    size_t count = 0;
    uint32_t first = 0;
    memset(list, 0, sizeof list);
    for (unsigned i = 0; i < dump->view->processors; i++) {
        uint8_t context[CONTEXT_SIZE], *thread = list + count * THREAD_SIZE;
        uint64_t teb = view_place(dump->view, i).thread;
        if (!view_context(dump->view, i, context) || !teb)
            continue;
        uint32_t at = append(dump, context, sizeof context);
        uint32_t id = (uint32_t)read_u64(dump, teb + 0x48); /* TEB.ClientId.UniqueThread */
        put_u32(thread, id);
        put_u64(thread + 16, teb);
        describe_stack(dump, get_u64(context + CONTEXT_RSP), read_u64(dump, teb + 8), thread + 24);
        put_u32(thread + 40, sizeof context);
        put_u32(thread + 44, at);
        if (i == 0) {
            first = id;
            *context_at = at;
        }
        count++;
    }
    add_list(dump, THREAD_LIST, list, count, THREAD_SIZE);
    return first;
}

/* --- images --- */

/* Copies what names the PDB, if the image has that. */
static void describe_codeview(struct dump *dump, uint64_t base, const uint8_t *headers, uint8_t *module)
{
    uint8_t entry[28], record[CODEVIEW_MAX];
    uint32_t directory = get_u32(headers + 0xB8), length = get_u32(headers + 0xBC); /* the debug directory's place */
    for (uint32_t at = 0; directory && at + sizeof entry <= length; at += (uint32_t)sizeof entry) {
        if (!read_exactly(dump, base + directory + at, entry, sizeof entry))
            return;
        uint32_t size = get_u32(entry + 16);
        if (get_u32(entry + 12) != 2 || size > sizeof record) /* IMAGE_DEBUG_TYPE_CODEVIEW */
            continue;
        if (!read_exactly(dump, base + get_u32(entry + 20), record, size))
            return;
        put_u32(module + 76, size);
        put_u32(module + 80, append(dump, record, size));
        return;
    }
}

static bool describe_module(struct dump *dump, uint64_t entry, uint8_t *module)
{
    uint8_t head[0x70], headers[0x110], name[NAME_MAX_BYTES];
    if (!read_exactly(dump, entry, head, sizeof head))
        return false;
    uint64_t base = get_u64(head + 0x30);
    size_t length = get_u16(head + 0x48) & ~1u;
    if (length > sizeof name || !read_exactly(dump, get_u64(head + 0x50), name, length))
        length = 0;
    memset(module, 0, MODULE_SIZE);
    put_u64(module, base);
    put_u32(module + 8, get_u32(head + 0x40));
    put_u32(module + 20, append_name(dump, name, length));
    uint64_t pe = base + (read_u64(dump, base + 0x3C) & UINT32_MAX);
    if (read_exactly(dump, pe, headers, sizeof headers) && get_u32(headers) == 0x4550) {
        put_u32(module + 12, get_u32(headers + 0x58));
        put_u32(module + 16, get_u32(headers + 8));
        describe_codeview(dump, base, headers, module);
    }
    return base != 0;
}

static void save_modules(struct dump *dump)
{
    static uint8_t list[MODULES_MAX * MODULE_SIZE];
    uint64_t head = dump->view->host->landmarks.module_list, entry = head;
    size_t count = 0;
    for (unsigned i = 0; head && i < MODULES_MAX; i++) {
        entry = read_u64(dump, entry);
        if (!entry || entry == head)
            break;
        count += describe_module(dump, entry, list + count * MODULE_SIZE);
    }
    add_list(dump, MODULE_LIST, list, count, MODULE_SIZE);
}

/* --- the rest --- */

static void save_system(struct dump *dump)
{
    uint8_t system[56] = {0}, misc[24] = {0};
    put_u16(system, 9); /* PROCESSOR_ARCHITECTURE_AMD64 */
    system[6] = (uint8_t)dump->view->processors;
    system[7] = 1; /* VER_NT_WORKSTATION */
    put_u32(system + 8, 10);
    put_u32(system + 16, dump->death->build);
    put_u32(system + 20, 2); /* VER_PLATFORM_WIN32_NT */
    put_u32(system + 24, append_name(dump, NULL, 0));
    add_stream(dump, SYSTEM_INFO, system, sizeof system);
    put_u32(misc, sizeof misc);
    put_u32(misc + 4, 1); /* MINIDUMP_MISC1_PROCESS_ID */
    put_u32(misc + 8, dump->view->host->windows_pid);
    add_stream(dump, MISC_INFO, misc, sizeof misc);
}

static void save_exception(struct dump *dump, uint32_t thread, uint32_t context_at)
{
    const struct bugcheck *bugcheck = &dump->death->bugcheck;
    struct exception exception = dump->death->exception;
    uint8_t stream[168] = {0};
    if (!exception.code) {
        exception = (struct exception){.code = BUGCHECK_EXCEPTION, .flags = 1, .parameter_count = 5};
        exception.address = view_place(dump->view, 0).pc;
        exception.parameters[0] = bugcheck->code;
        memcpy(exception.parameters + 1, bugcheck->parameters, sizeof bugcheck->parameters);
    }
    put_u32(stream, thread);
    put_u32(stream + 8, exception.code);
    put_u32(stream + 12, exception.flags);
    put_u64(stream + 24, exception.address);
    put_u32(stream + 32, exception.parameter_count);
    for (size_t i = 0; i < EXCEPTION_PARAMETERS; i++)
        put_u64(stream + 40 + 8 * i, exception.parameters[i]);
    put_u32(stream + 160, CONTEXT_SIZE);
    put_u32(stream + 164, context_at);
    add_stream(dump, EXCEPTION, stream, sizeof stream);
}

static void save_comment(struct dump *dump)
{
    char text[1024];
    size_t length = message_bugcheck_text(text, sizeof text, &dump->death->bugcheck);
    text[length] = 0;
    add_stream(dump, COMMENT_A, text, length + 1);
}

static void save(struct dump *dump)
{
    uint8_t header[32 + 12 * STREAMS] = {0};
    uint32_t context_at = 0;
    append(dump, header, sizeof header);
    save_memory(dump);
    uint32_t thread = save_threads(dump, &context_at);
    save_exception(dump, thread, context_at);
    save_modules(dump);
    save_system(dump);
    save_comment(dump);
    put_u32(header, SIGNATURE);
    put_u32(header + 4, 0xA793); /* MINIDUMP_VERSION */
    put_u32(header + 8, dump->streams);
    put_u32(header + 12, 32);
    put_u32(header + 20, (uint32_t)time(NULL));
    put_u64(header + 24, WITH_PRIVATE_READ_WRITE_MEMORY | WITH_FULL_MEMORY_INFO);
    fseek(dump->file, 0, SEEK_SET);
    fwrite(header, 1, 32, dump->file);
}

bool dump_write(const struct view *view, const struct death *death, const char *path)
{
    static struct dump dump;
    char temporary[512];
    snprintf(temporary, sizeof temporary, "%s.new", path);
    dump = (struct dump){.view = view, .process = &view->host->process, .death = death};
    if (!(dump.file = fopen(temporary, "w+e")))
        return false;
    fchmod(fileno(dump.file), 0644);
    save(&dump);
    bool failed = ferror(dump.file) != 0;
    failed = fclose(dump.file) != 0 || failed;
    if (!failed && rename(temporary, path) == 0)
        return true;
    int error = errno;
    unlink(temporary);
    errno = error;
    return false;
}
