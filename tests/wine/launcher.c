/* python.exe for a Windows CPython 3.11 under Wine: CPython's PC/python.c, and guards against three
   faults of Wine 8.0. On Windows itself, and with NO_WINE_GUARDS set, the guards stay off.

   1. IcmpSendEcho2Ex keeps the IO_STATUS_BLOCK of a request that pends on its own stack, where the
      caller's next calls overwrite it: it is called half a MiB further down.
   2. RegisterWaitForSingleObject aborts the process on events of ICMP requests (a race in
      ntdll/threadpool.c): a plain thread waits instead.
   3. There is no bcryptprimitives.dll, which Rust's standard library wants: see prng.c. */
#include <windows.h>
#include <stdio.h>
#include <string.h>

#define GAP (512 * 1024)

typedef DWORD(WINAPI *echo_t)(HANDLE, HANDLE, void *, void *, ULONG, ULONG, void *, WORD, void *,
                              void *, DWORD, DWORD);
static echo_t real_echo;

static DWORD WINAPI __attribute__((noinline))
guarded_echo(HANDLE icmp, HANDLE event, void *apc, void *context, ULONG source, ULONG destination,
             void *data, WORD size, void *options, void *reply, DWORD reply_size, DWORD timeout) {
    volatile char *gap = __builtin_alloca(GAP);
    gap[0] = gap[GAP - 1] = 0;
    DWORD result = real_echo(icmp, event, apc, context, source, destination, data, size, options,
                             reply, reply_size, timeout);
    gap[1] = 1;
    return result;
}

typedef struct {
    HANDLE object, cancel, thread, done;
    WAITORTIMERCALLBACK callback;
    void *context;
    DWORD milliseconds;
    int finished, unregistered;
} Wait;

static CRITICAL_SECTION lock;

static void free_wait(Wait *wait) {
    CloseHandle(wait->object);
    CloseHandle(wait->cancel);
    CloseHandle(wait->thread);
    HeapFree(GetProcessHeap(), 0, wait);
}

static DWORD WINAPI wait_thread(void *argument) {
    Wait *wait = argument;
    HANDLE handles[2] = {wait->object, wait->cancel};
    DWORD result = WaitForMultipleObjects(2, handles, FALSE, wait->milliseconds);
    if (result == WAIT_OBJECT_0) wait->callback(wait->context, FALSE);
    else if (result == WAIT_TIMEOUT) wait->callback(wait->context, TRUE);
    EnterCriticalSection(&lock);
    wait->finished = 1;
    if (wait->unregistered) {
        if (wait->done) SetEvent(wait->done);
        free_wait(wait);
    }
    LeaveCriticalSection(&lock);
    return 0;
}

static BOOL WINAPI register_wait(HANDLE *out, HANDLE object, WAITORTIMERCALLBACK callback,
                                 void *context, ULONG milliseconds, ULONG flags) {
    HANDLE self = GetCurrentProcess();
    Wait *wait = HeapAlloc(GetProcessHeap(), HEAP_ZERO_MEMORY, sizeof *wait);
    if (!wait || !(flags & WT_EXECUTEONLYONCE)) {
        SetLastError(ERROR_NOT_SUPPORTED);
        return FALSE;
    }
    if (!DuplicateHandle(self, object, self, &wait->object, 0, FALSE, DUPLICATE_SAME_ACCESS)) {
        HeapFree(GetProcessHeap(), 0, wait);
        return FALSE;
    }
    wait->cancel = CreateEventW(0, 1, 0, 0);
    wait->callback = callback;
    wait->context = context;
    wait->milliseconds = milliseconds;
    *out = (HANDLE)wait;
    wait->thread = CreateThread(0, 65536, wait_thread, wait,
                                CREATE_SUSPENDED | STACK_SIZE_PARAM_IS_A_RESERVATION, 0);
    ResumeThread(wait->thread);
    return TRUE;
}

static BOOL WINAPI unregister_wait_ex(HANDLE handle, HANDLE event) {
    Wait *wait = (Wait *)handle;
    BOOL ended = TRUE;
    HANDLE thread = 0, self = GetCurrentProcess();
    EnterCriticalSection(&lock);
    if (wait->finished) {
        if (event && event != INVALID_HANDLE_VALUE) SetEvent(event);
        free_wait(wait);
    } else {
        wait->unregistered = 1;
        if (event == INVALID_HANDLE_VALUE)
            DuplicateHandle(self, wait->thread, self, &thread, 0, FALSE, DUPLICATE_SAME_ACCESS);
        else
            wait->done = event;
        SetEvent(wait->cancel);
        ended = FALSE;
    }
    LeaveCriticalSection(&lock);
    if (thread) {
        WaitForSingleObject(thread, INFINITE);
        CloseHandle(thread);
        return TRUE;
    }
    if (!ended) SetLastError(ERROR_IO_PENDING);
    return ended;
}

static BOOL WINAPI unregister_wait(HANDLE handle) { return unregister_wait_ex(handle, NULL); }

static void jump(FARPROC from, void *to) {
    unsigned char *code = (void *)from;
    DWORD old;
    if (!code) return;
    VirtualProtect(code, 12, PAGE_EXECUTE_READWRITE, &old);
    memcpy(code, "\x48\xb8", 2); /* mov rax, to; jmp rax */
    memcpy(code + 2, &to, 8);
    memcpy(code + 10, "\xff\xe0", 2);
    VirtualProtect(code, 12, old, &old);
    FlushInstructionCache(GetCurrentProcess(), code, 12);
}

/* Let a module export one of its functions under the name of another as well. */
static void export_as(HMODULE module, const char *name, FARPROC function) {
    char *base = (char *)module;
    IMAGE_NT_HEADERS *headers = (void *)(base + ((IMAGE_DOS_HEADER *)base)->e_lfanew);
    IMAGE_EXPORT_DIRECTORY *exports =
        (void *)(base + headers->OptionalHeader.DataDirectory[0].VirtualAddress);
    DWORD *names = (void *)(base + exports->AddressOfNames), old;
    WORD *ordinals = (void *)(base + exports->AddressOfNameOrdinals);
    DWORD *functions = (void *)(base + exports->AddressOfFunctions);
    for (DWORD i = 0; i < exports->NumberOfNames; i++) {
        DWORD *slot = functions + ordinals[i];
        if (strcmp(base + names[i], name)) continue;
        VirtualProtect(slot, sizeof *slot, PAGE_READWRITE, &old);
        *slot = (DWORD)((char *)(void *)function - base);
        VirtualProtect(slot, sizeof *slot, old, &old);
    }
}

static void guard(void) {
    HMODULE icmp = LoadLibraryA("iphlpapi.dll"), kernel = GetModuleHandleA("kernel32.dll");
    FARPROC unused = icmp ? GetProcAddress(icmp, "IcmpSendEcho2") : 0;
    if (!GetProcAddress(GetModuleHandleA("ntdll.dll"), "wine_get_version")) return;
    InitializeCriticalSection(&lock);
    real_echo = icmp ? (echo_t)(void *)GetProcAddress(icmp, "IcmpSendEcho2Ex") : 0;
    if (real_echo && unused) {
        /* An export must lie in its module: the body of IcmpSendEcho2, unused here, leads out. */
        jump(unused, guarded_echo);
        export_as(icmp, "IcmpSendEcho2Ex", unused);
    }
    jump(GetProcAddress(kernel, "RegisterWaitForSingleObject"), register_wait);
    jump(GetProcAddress(kernel, "UnregisterWait"), unregister_wait);
    jump(GetProcAddress(kernel, "UnregisterWaitEx"), unregister_wait_ex);
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
