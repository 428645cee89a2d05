/* All of the tool protocol, for Swift and for whoever wants one include. Read gateway/plugin.h first. */
#include "gateway/base.h"
#include "gateway/context.h"
#include "gateway/drafts.h"
#include "gateway/function.h"
#include "gateway/operation.h"
#include "gateway/plugin.h"
