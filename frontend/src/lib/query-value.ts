"use client";

import { useSearchParams } from "next/navigation";

/**
 * A value of the address line's query, also after a link to the same page with another one. It is known in the browser
 * only, because the pages are exported: what uses it stands inside a `Suspense`.
 */
export function useQueryValue(name: string): string | undefined {
  return useSearchParams().get(name) ?? undefined;
}
