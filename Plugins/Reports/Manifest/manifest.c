/* Who this library is, for hosts that read it before running any of it. Version and id are the catalogue's. `retain`
 * keeps it when a release build drops sections that nothing refers to. */
#include "PluginAPI.h"

__attribute__((section(GATEWAY_MANIFEST_SECTION), used, retain)) static const gateway_manifest_t manifest = {
    .magic = GATEWAY_MANIFEST_MAGIC,
    .revision = 1,
    .level_min = GATEWAY_LEVEL,
    .level_max = GATEWAY_LEVEL,
    .id = "reports",
    .version = "0.1.0",
    .runtime = "swift-shared:6.3",
    .sdk = "PluginKit 0.1.0",
};
