/* Who this library is, for hosts that read it before running any of it. Id and version are the plugin's. */
#include "PluginAPI.h"

__attribute__((section(GATEWAY_MANIFEST_SECTION), used, retain)) static const gateway_manifest_t manifest = {
    .magic = GATEWAY_MANIFEST_MAGIC,
    .revision = 1,
    .level_min = GATEWAY_LEVEL,
    .level_max = GATEWAY_LEVEL,
    .id = "notes",
    .version = "0.1.0",
    .runtime = "swift-shared:6.3",
    .sdk = "PluginKit 0.1.0",
};
