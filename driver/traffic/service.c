#include "service.h"

#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#include <winsvc.h>

/* advapi32 comes in with the first service operation: loading it makes the start of every actor slower. */
static struct {
    __typeof__(&OpenSCManagerW) open_manager;
    __typeof__(&OpenServiceW) open_service;
    __typeof__(&CreateServiceW) create_service;
    __typeof__(&ChangeServiceConfigW) change_config;
    __typeof__(&StartServiceW) start_service;
    __typeof__(&ControlService) control_service;
    __typeof__(&DeleteService) delete_service;
    __typeof__(&QueryServiceStatus) query_status;
    __typeof__(&CloseServiceHandle) close_handle;
} api;

#define LOAD(module, field, name) ((api.field = (__typeof__(api.field))(void *)GetProcAddress(module, name)) != NULL)

static bool load_api(void) {
    if (api.close_handle) return true;
    HMODULE module = LoadLibraryW(L"advapi32.dll");
    return module && LOAD(module, open_manager, "OpenSCManagerW") && LOAD(module, open_service, "OpenServiceW") &&
           LOAD(module, create_service, "CreateServiceW") && LOAD(module, change_config, "ChangeServiceConfigW") &&
           LOAD(module, start_service, "StartServiceW") && LOAD(module, control_service, "ControlService") &&
           LOAD(module, delete_service, "DeleteService") && LOAD(module, query_status, "QueryServiceStatus") &&
           LOAD(module, close_handle, "CloseServiceHandle");
}

/* The usual group of drivers like these. Named, because Wine hosts the drivers of one group in one process: a driver
 * that is loaded again need not wait for a new one. */
static const wchar_t load_order_group[] = L"Extended Base";

struct control {
    SC_HANDLE manager, service;
    const wchar_t *name, *path;
    const struct verifier *verifier;
    uint32_t wait_ms;
    const char *part;
};

static const char *state_name(uint32_t state) {
    switch (state) {
    case SERVICE_STOPPED: return "stopped";
    case SERVICE_START_PENDING: return "start-pending";
    case SERVICE_STOP_PENDING: return "stop-pending";
    case SERVICE_RUNNING: return "running";
    case SERVICE_CONTINUE_PENDING: return "continue-pending";
    case SERVICE_PAUSE_PENDING: return "pause-pending";
    case SERVICE_PAUSED: return "paused";
    default: return "unknown";
    }
}

static uint32_t query(const struct control *control, uint32_t *state) {
    SERVICE_STATUS status;
    if (!api.query_status(control->service, &status)) return GetLastError();
    *state = status.dwCurrentState;
    return 0;
}

static uint32_t wait_while(const struct control *control, uint32_t pending) {
    const ULONGLONG end = GetTickCount64() + control->wait_ms;
    uint32_t pause_ms = 1;
    for (;;) {
        uint32_t state, error = query(control, &state);
        if (error || state != pending) return error;
        if (GetTickCount64() >= end) return ERROR_SERVICE_REQUEST_TIMEOUT;
        Sleep(pause_ms);
        if (pause_ms < 32) pause_ms *= 2;
    }
}

static uint32_t open_service(struct control *control) {
    const DWORD access = SERVICE_QUERY_STATUS | SERVICE_START | SERVICE_STOP | SERVICE_CHANGE_CONFIG | DELETE;
    control->service = api.open_service(control->manager, control->name, access);
    return control->service ? 0 : GetLastError();
}

static uint32_t create(struct control *control) {
    control->part = "create";
    control->service = api.create_service(control->manager, control->name, control->name,
                                          SERVICE_QUERY_STATUS | SERVICE_START | SERVICE_STOP, SERVICE_KERNEL_DRIVER,
                                          SERVICE_DEMAND_START, SERVICE_ERROR_NORMAL, control->path, load_order_group,
                                          NULL, NULL, NULL, NULL);
    return control->service ? 0 : GetLastError();
}

static uint32_t verify(struct control *control) {
    control->part = "verify";
    return control->verifier ? verifier_set(control->path, control->verifier) : 0;
}

static uint32_t start(struct control *control) {
    control->part = "start";
    if (!api.start_service(control->service, 0, NULL)) return GetLastError();
    return wait_while(control, SERVICE_START_PENDING);
}

static uint32_t stop(struct control *control) {
    SERVICE_STATUS status;
    uint32_t state = SERVICE_STOPPED;
    control->part = "stop";
    if (!api.control_service(control->service, SERVICE_CONTROL_STOP, &status)) return GetLastError();
    uint32_t error = wait_while(control, SERVICE_STOP_PENDING);
    if (!error) error = query(control, &state);
    /* Some drivers are told to stop and go on running while handles are open. */
    return !error && state == SERVICE_RUNNING ? wait_while(control, SERVICE_RUNNING) : error;
}

static uint32_t configure(struct control *control) {
    control->part = "configure";
    BOOL ok = api.change_config(control->service, SERVICE_NO_CHANGE, SERVICE_NO_CHANGE, SERVICE_NO_CHANGE,
                                control->path, load_order_group, NULL, NULL, NULL, NULL, NULL);
    return ok ? 0 : GetLastError();
}

static uint32_t reload(struct control *control) {
    uint32_t state, error = open_service(control);
    if (error == ERROR_SERVICE_DOES_NOT_EXIST) {
        error = create(control);
        if (!error) error = verify(control);
        return error ? error : start(control);
    }
    control->part = "stop";
    if (!error) error = query(control, &state);
    if (!error && state != SERVICE_STOPPED) error = stop(control);
    if (!error) error = configure(control);
    if (!error) error = verify(control);
    return error ? error : start(control);
}

static uint32_t delete(struct control *control) {
    uint32_t error = 0;
    if (!api.delete_service(control->service)) error = GetLastError();
    /* The service goes when its last handle does: the state afterwards is asked with a new one. */
    api.close_handle(control->service);
    control->service = NULL;
    return error;
}

static uint32_t act(struct control *control, enum service_action action) {
    if (action == ACTION_RELOAD) return reload(control);
    if (action == ACTION_CREATE) return create(control);
    uint32_t error = open_service(control);
    if (error || action == ACTION_QUERY) return error;
    if (action == ACTION_START) return start(control);
    return action == ACTION_STOP ? stop(control) : delete(control);
}

static const char *state_after(struct control *control) {
    uint32_t state = 0, error = control->service ? 0 : open_service(control);
    if (!error) error = query(control, &state);
    if (!error) return state_name(state);
    return error == ERROR_SERVICE_DOES_NOT_EXIST ? "absent" : "unknown";
}

struct service_result service_perform(enum service_action action, const wchar_t *name, const wchar_t *path,
                                      const struct verifier *verifier, uint32_t wait_ms) {
    struct control control = {
        .name = name, .path = path, .verifier = verifier, .wait_ms = wait_ms, .part = service_action_name(action)};
    struct service_result result = {.state = "unknown"};
    if (action == ACTION_RELOAD) control.part = "stop";
    if (!load_api()) {
        result.error = GetLastError();
    } else {
        const DWORD access = SC_MANAGER_CONNECT | (service_action_has_path(action) ? SC_MANAGER_CREATE_SERVICE : 0);
        control.manager = api.open_manager(NULL, NULL, access);
        result.error = control.manager ? act(&control, action) : GetLastError();
    }
    if (control.manager) result.state = state_after(&control);
    if (control.service) api.close_handle(control.service);
    if (control.manager) api.close_handle(control.manager);
    result.part = control.part;
    result.has_verified = verifier && !result.error;
    if (result.has_verified) result.verified = verifier_level(path);
    return result;
}
