/*
 * Runs a fuzz target over files without libFuzzer: the target's corpus in the tree, or the files
 * named on the command line (to reproduce a finding under gdb or valgrind).
 */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <string.h>

#define FILE_MAX (4 << 20)

static int run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return 1;
    }
    char *big = malloc(FILE_MAX);
    size_t size = fread(big, 1, FILE_MAX, file);
    fclose(file);
    /* A copy of exactly the size, so that AddressSanitizer sees a read past the end. */
    uint8_t *data = malloc(size ? size : 1);
    memcpy(data, big, size);
    free(big);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    return 0;
}

static int run_corpus(const char *folder)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, NULL, alphasort);
    int run = 0;
    for (int i = 0; i < count; i++) {
        char path[1024];
        snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.' && run_file(path) == 0)
            run++;
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    printf("%s: %d inputs\n", folder, run);
    return run > 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    int failed = 0;
    if (argc < 2)
        return run_corpus(CORPUS_DIR);
    for (int i = 1; i < argc; i++)
        failed |= run_file(argv[i]);
    return failed;
}
