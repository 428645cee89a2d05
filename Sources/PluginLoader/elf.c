#include "PluginLoader.h"

#include <elf.h>
#include <string.h>

/* A file in memory, and the only ways into it. */
struct file {
    const uint8_t *bytes;
    size_t length;
};

static const void *at(const struct file *file, uint64_t offset, uint64_t size) {
    if (offset > file->length || size > file->length - offset) return NULL;
    return file->bytes + offset;
}

/* A NUL-terminated text that begins at `offset` of a string table and ends within it. */
static const char *text_at(const struct file *file, uint64_t table, uint64_t table_size, uint64_t offset) {
    if (offset >= table_size) return NULL;
    const char *text = at(file, table + offset, table_size - offset);
    if (text == NULL || memchr(text, 0, table_size - offset) == NULL) return NULL;
    return text;
}

static int section(const struct file *file, const Elf64_Ehdr *header, unsigned index, Elf64_Shdr *out) {
    const void *found = at(file, header->e_shoff + (uint64_t)index * sizeof(Elf64_Shdr), sizeof(Elf64_Shdr));
    if (found == NULL) return 0;
    memcpy(out, found, sizeof *out);
    return 1;
}

static int is_padded_text(const uint8_t *text, size_t size) {
    size_t length = 0;
    while (length < size && text[length] != 0) length++;
    for (size_t index = length; index < size; index++) {
        if (text[index] != 0) return 0;
    }
    return length < size;
}

static int read_manifest(const struct file *file, const Elf64_Shdr *found, gateway_manifest_t *manifest) {
    const void *bytes = at(file, found->sh_offset, found->sh_size);
    if (bytes == NULL) return GATEWAY_ELF_DAMAGED;
    if (found->sh_size != sizeof *manifest) return GATEWAY_ELF_MANY_MANIFESTS;
    memcpy(manifest, bytes, sizeof *manifest);
    if (memcmp(manifest->magic, GATEWAY_MANIFEST_MAGIC, sizeof manifest->magic) != 0 || manifest->revision != 1) {
        return GATEWAY_ELF_BAD_MANIFEST;
    }
    if (!is_padded_text(manifest->id, sizeof manifest->id) ||
        !is_padded_text(manifest->version, sizeof manifest->version) ||
        !is_padded_text(manifest->runtime, sizeof manifest->runtime) ||
        !is_padded_text(manifest->sdk, sizeof manifest->sdk)) {
        return GATEWAY_ELF_BAD_MANIFEST;
    }
    /* What it would ask of its host by them, nobody here could keep. */
    return manifest->flags == 0 ? GATEWAY_ELF_OK : GATEWAY_ELF_UNKNOWN_FLAGS;
}

/* What rule T6 forbids and an import shows. */
static int is_forbidden(const char *name) {
    static const char *const names[] = {
        "fork", "vfork", "execve", "execv", "execvp", "execl", "execlp", "execle", "fexecve", "posix_spawn",
        "posix_spawnp", "system", "popen", "exit", "_exit", "quick_exit", "signal", "sigaction", "setenv", "putenv",
        "unsetenv", "clearenv", "chdir", "fchdir", "setlocale", "dlopen", "dlmopen", "ptrace", "socket", "connect",
        "bind", "listen",
    };
    for (size_t index = 0; index < sizeof names / sizeof names[0]; index++) {
        if (strcmp(name, names[index]) == 0) return 1;
    }
    return 0;
}

/* Whether it is `gateway_plugin_v` and a number: the entry of some level. */
static int is_entry(const char *name) {
    static const char stem[] = "gateway_plugin_v";
    const char *digits = name + sizeof stem - 1;
    if (strncmp(name, stem, sizeof stem - 1) != 0 || *digits < '1' || *digits > '9') return 0;
    return digits[strspn(digits, "0123456789")] == 0;
}

/* Looks at what the dynamic symbol table defines for others: entries, this host's among them, and nothing else. */
static int read_exports(const struct file *file, const Elf64_Ehdr *header, const Elf64_Shdr *symbols,
                        struct gateway_elf_report *report) {
    Elf64_Shdr names;
    int has_entry = 0;
    if (symbols->sh_entsize != sizeof(Elf64_Sym) || symbols->sh_link >= header->e_shnum) return GATEWAY_ELF_DAMAGED;
    if (!section(file, header, symbols->sh_link, &names)) return GATEWAY_ELF_DAMAGED;
    for (uint64_t index = 1; index < symbols->sh_size / sizeof(Elf64_Sym); index++) {
        Elf64_Sym symbol;
        const void *found = at(file, symbols->sh_offset + index * sizeof symbol, sizeof symbol);
        if (found == NULL) return GATEWAY_ELF_DAMAGED;
        memcpy(&symbol, found, sizeof symbol);
        if (ELF64_ST_BIND(symbol.st_info) == STB_LOCAL) continue;
        const char *name = text_at(file, names.sh_offset, names.sh_size, symbol.st_name);
        if (name == NULL) return GATEWAY_ELF_DAMAGED;
        if (symbol.st_shndx == SHN_UNDEF) {
            if (is_forbidden(name) && report->forbidden_count < GATEWAY_NEEDED_MAX) {
                report->forbidden[report->forbidden_count++] = name;
            }
            continue;
        }
        report->exported++;
        if (strcmp(name, "gateway_plugin_v1") == 0) has_entry = 1;
        if (!is_entry(name)) report->stranger = name;
    }
    return report->stranger == NULL && has_entry ? GATEWAY_ELF_OK : GATEWAY_ELF_EXPORTS;
}

static int read_needed(const struct file *file, const Elf64_Ehdr *header, const Elf64_Shdr *dynamic,
                       struct gateway_elf_report *report) {
    Elf64_Shdr names;
    if (dynamic->sh_link >= header->e_shnum || !section(file, header, dynamic->sh_link, &names)) {
        return GATEWAY_ELF_DAMAGED;
    }
    for (uint64_t index = 0; index < dynamic->sh_size / sizeof(Elf64_Dyn); index++) {
        Elf64_Dyn entry;
        const void *found = at(file, dynamic->sh_offset + index * sizeof entry, sizeof entry);
        if (found == NULL) return GATEWAY_ELF_DAMAGED;
        memcpy(&entry, found, sizeof entry);
        if (entry.d_tag == DT_NULL) break;
        if (entry.d_tag != DT_NEEDED) continue;
        const char *name = text_at(file, names.sh_offset, names.sh_size, entry.d_un.d_val);
        if (name == NULL || report->needed_count == GATEWAY_NEEDED_MAX) return GATEWAY_ELF_DAMAGED;
        report->needed[report->needed_count++] = name;
    }
    return GATEWAY_ELF_OK;
}

static int has_executable_stack(const struct file *file, const Elf64_Ehdr *header) {
    for (unsigned index = 0; index < header->e_phnum; index++) {
        Elf64_Phdr program;
        const void *found = at(file, header->e_phoff + (uint64_t)index * sizeof program, sizeof program);
        if (found == NULL) return 0;
        memcpy(&program, found, sizeof program);
        if (program.p_type == PT_GNU_STACK) return (program.p_flags & PF_X) != 0;
    }
    return 0;
}

static int is_library(const Elf64_Ehdr *header) {
    return memcmp(header->e_ident, ELFMAG, SELFMAG) == 0 && header->e_ident[EI_CLASS] == ELFCLASS64 &&
           header->e_ident[EI_DATA] == ELFDATA2LSB && header->e_type == ET_DYN &&
           header->e_shentsize == sizeof(Elf64_Shdr) && header->e_phentsize == sizeof(Elf64_Phdr) &&
#if defined(__x86_64__)
           header->e_machine == EM_X86_64;
#else
           header->e_machine == EM_AARCH64;
#endif
}

int gateway_elf_inspect(const uint8_t *bytes, size_t length, struct gateway_elf_report *report) {
    struct file file = {bytes, length};
    Elf64_Ehdr header;
    Elf64_Shdr names;
    int manifests = 0;
    int exports = GATEWAY_ELF_EXPORTS;
    memset(report, 0, sizeof *report);
    if (length < sizeof header) return GATEWAY_ELF_NOT_ELF;
    memcpy(&header, bytes, sizeof header);
    if (!is_library(&header)) return GATEWAY_ELF_NOT_ELF;
    if (header.e_shstrndx >= header.e_shnum || !section(&file, &header, header.e_shstrndx, &names)) {
        return GATEWAY_ELF_DAMAGED;
    }
    for (unsigned index = 0; index < header.e_shnum; index++) {
        Elf64_Shdr found;
        int problem = GATEWAY_ELF_OK;
        if (!section(&file, &header, index, &found)) return GATEWAY_ELF_DAMAGED;
        const char *name = text_at(&file, names.sh_offset, names.sh_size, found.sh_name);
        if (name == NULL) return GATEWAY_ELF_DAMAGED;
        if (strcmp(name, GATEWAY_MANIFEST_SECTION) == 0) {
            if (++manifests > 1) return GATEWAY_ELF_MANY_MANIFESTS;
            problem = read_manifest(&file, &found, &report->manifest);
        } else if (found.sh_type == SHT_DYNSYM) {
            exports = read_exports(&file, &header, &found, report);
            if (exports == GATEWAY_ELF_DAMAGED) problem = exports;
        } else if (found.sh_type == SHT_DYNAMIC) {
            problem = read_needed(&file, &header, &found, report);
        }
        if (problem != GATEWAY_ELF_OK) return problem;
    }
    if (manifests == 0) return GATEWAY_ELF_NO_MANIFEST;
    if (exports != GATEWAY_ELF_OK) return exports;
    return has_executable_stack(&file, &header) ? GATEWAY_ELF_EXECUTABLE_STACK : GATEWAY_ELF_OK;
}
