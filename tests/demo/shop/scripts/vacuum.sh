# SPDX-License-Identifier: BSD-2-Clause
# Right: psql says goodbye.
psql -Atc 'select 1'
