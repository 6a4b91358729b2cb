/* Plays the part of Windows setup, and of the Windows that it installs, in real mode. What it does in each start is a
 * script that the test has put behind the program: printable text goes to COM2, other bytes are orders.
 * Which script is next is kept on the disk, so that it survives the restarts. */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;

enum { DISK = 0x80, STATE_SECTOR = 100, STATE = 0x700, BULK_SEGMENT = 0x2000, PIECE = 64 };
enum { READ = 0x42, WRITE = 0x43 };
enum { READ_CD = 1, WRITE_DISK, RESTART, HANG, PAUSE, POWER_OFF, INSTALL, OFF_AT_NMI };
enum { COM2 = 0x2f8, RESET_PORT = 0xcf9, PM1_STATUS = 0x600, PM1_ENABLE = 0x602, PM1_CONTROL = 0x604, POWER_BUTTON = 0x100 };

struct packet { u8 size, zero; u16 count, offset, segment; u32 block, block_high; };

extern const u8 scripts[];
extern void on_nmi(void);
static u32 state;
static u8 off_at_nmi;

static void out8(u16 port, u8 value) { __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }
static void out16(u16 port, u16 value) { __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port)); }
static u8 in8(u16 port) { u8 value; __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port)); return value; }
static u16 in16(u16 port) { u16 value; __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port)); return value; }

static void disk(u8 function, u8 drive, u32 block, u16 count, u16 segment, u16 offset)
{
    struct packet packet = { 16, 0, count, offset, segment, block, 0 };
    u32 ax = (u32)function << 8;
    __asm__ volatile("int $0x13" : "+a"(ax) : "d"((u32)drive), "S"(&packet) : "memory", "cc", "ebx", "ecx");
}

static void pause(u32 ticks)
{
    volatile u32 *clock = (volatile u32 *)0x46c;            /* 18.2 a second, by the BIOS */
    u32 end = *clock + ticks;
    while ((int)(*clock - end) < 0)
        __asm__ volatile("hlt");
}

static void send(u8 byte)
{
    while (!(in8(COM2 + 5) & 0x20))
        ;
    out8(COM2, byte);
}

static void say(const char *text)
{
    while (*text)
        send(*text++);
}

void next_start(void)
{
    volatile u32 *sector = (volatile u32 *)STATE;
    sector[0] = 0x4b4f;
    sector[1] = state + 1;
    disk(WRITE, DISK, STATE_SECTOR, 1, 0, STATE);
    out8(RESET_PORT, 0x06);
    for (;;)
        __asm__ volatile("hlt");
}

void crash(void)
{
    say("\r\nstand-in: crash\r\n");
    if (off_at_nmi)
        out16(PM1_CONTROL, 0x2000);
    next_start();
}

static void hang(void)
{
    out16(PM1_ENABLE, POWER_BUTTON);
    for (;;) {
        pause(1);
        if (in16(PM1_STATUS) & POWER_BUTTON)
            out16(PM1_CONTROL, 0x2000);
    }
}

static void obey(u8 order, u8 drive)
{
    switch (order) {
    case READ_CD:
        for (u32 i = 0; i < 8; i++)
            disk(READ, drive, i * 16, 16, BULK_SEGMENT, 0);      /* 16 sectors of 2 KB */
        break;
    case WRITE_DISK:
        for (u32 i = 0; i < 16; i++)
            disk(WRITE, DISK, 2048 + i * PIECE, PIECE, BULK_SEGMENT, 0);
        break;
    case INSTALL:
        disk(WRITE, DISK, 0, 32, 0, 0x7c00);
        break;
    case RESTART:
        next_start();
        break;
    case HANG:
        hang();
        break;
    case PAUSE:
        pause(2);
        break;
    case POWER_OFF:
        out16(PM1_CONTROL, 0x2000);
        break;
    case OFF_AT_NMI:
        off_at_nmi = 1;
        break;
    default:
        send(order);
    }
}

void stand_in(void)
{
    u8 drive = *(volatile u8 *)0x600;
    volatile u32 *sector = (volatile u32 *)STATE;
    disk(READ, DISK, STATE_SECTOR, 1, 0, STATE);
    state = sector[0] == 0x4b4f ? sector[1] : 0;
    *(volatile u16 *)8 = (u16)(u32)on_nmi;                  /* vector 2 */
    *(volatile u16 *)10 = 0;
    off_at_nmi = 0;
    say("\r\nstand-in: start\r\n");
    const u8 *script = scripts;
    for (u32 i = 0; i < state; i++)
        while (*script++)
            ;
    while (*script)
        obey(*script++, drive);
    hang();
}
