# SPDX-License-Identifier: Apache-2.0
"""The shapes of attack, one file each; installed in the culprit and in its twin."""
