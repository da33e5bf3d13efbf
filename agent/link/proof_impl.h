/* SPDX-License-Identifier: Apache-2.0 */
/* What a proof's file is marked with; shared by who writes one and who reads it. */
#ifndef MST_AGENT_LINK_PROOF_IMPL_H
#define MST_AGENT_LINK_PROOF_IMPL_H

#define PROOF_MARK "muster-proof"
#define PROOF_VERSION 1

#endif
