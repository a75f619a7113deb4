/* python.exe for a Windows CPython 3.11 under Wine: CPython's PC/python.c, and a guard against a
   fault of Wine 8.0. On Windows itself, and with NO_WINE_GUARDS set, the guard stays off.

   IcmpSendEcho2Ex, where a request pends with an event, frees the IO_STATUS_BLOCK that it gave to
   NtDeviceIoControlFile. Wine writes 16 bytes there when the answer comes, whoever owns them by
   then. So iphlpapi.dll is given a status block from a ring instead. */
#include <windows.h>
#include <winternl.h>
#include <stdio.h>
#include <string.h>

#define ICMP_ECHO 0x12100c /* IOCTL_NSIPROXY_WINE_ICMP_ECHO */
#define RING 65536

typedef NTSTATUS(WINAPI *control_t)(HANDLE, HANDLE, PIO_APC_ROUTINE, PVOID, PIO_STATUS_BLOCK,
                                    ULONG, PVOID, ULONG, PVOID, ULONG);
static control_t real_control;
static IO_STATUS_BLOCK ring[RING];
static LONG turn;

static NTSTATUS WINAPI control(HANDLE file, HANDLE event, PIO_APC_ROUTINE apc, PVOID context,
                               PIO_STATUS_BLOCK status, ULONG code, PVOID in, ULONG in_size,
                               PVOID out, ULONG out_size) {
    if (code == ICMP_ECHO && event && !apc)
        status = &ring[(ULONG)InterlockedIncrement(&turn) % RING];
    return real_control(file, event, apc, context, status, code, in, in_size, out, out_size);
}

/* Point a module's import of a function elsewhere; gives the function that it pointed to. */
static void *reimport(HMODULE module, const char *name, void *to) {
    char *base = (char *)module;
    IMAGE_NT_HEADERS *headers = (void *)(base + ((IMAGE_DOS_HEADER *)base)->e_lfanew);
    IMAGE_DATA_DIRECTORY *where = &headers->OptionalHeader.DataDirectory[1];
    IMAGE_IMPORT_DESCRIPTOR *import = (void *)(base + where->VirtualAddress);
    for (; import->Name; import++) {
        ULONG_PTR *names = (void *)(base + import->OriginalFirstThunk);
        void **slots = (void *)(base + import->FirstThunk), *from;
        for (; *names; names++, slots++) {
            DWORD old;
            if ((*names >> 63) || strcmp(base + *names + 2, name)) continue;
            from = *slots;
            VirtualProtect(slots, sizeof *slots, PAGE_READWRITE, &old);
            *slots = to;
            VirtualProtect(slots, sizeof *slots, old, &old);
            return from;
        }
    }
    return NULL;
}

static void guard(void) {
    HMODULE icmp = LoadLibraryA("iphlpapi.dll");
    if (!icmp || !GetProcAddress(GetModuleHandleA("ntdll.dll"), "wine_get_version")) return;
    real_control = (control_t)GetProcAddress(GetModuleHandleA("ntdll.dll"), "NtDeviceIoControlFile");
    reimport(icmp, "NtDeviceIoControlFile", control);
}

int wmain(int argc, wchar_t **argv) {
    if (!GetEnvironmentVariableA("NO_WINE_GUARDS", NULL, 0)) guard();
    HMODULE python = LoadLibraryW(L"python311.dll");
    if (!python) {
        fprintf(stderr, "no python311.dll: %lu\n", GetLastError());
        return 99;
    }
    int (*run)(int, wchar_t **) = (void *)GetProcAddress(python, "Py_Main");
    return run(argc, argv);
}
