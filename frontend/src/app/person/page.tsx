import type { Metadata } from "next";
import english from "@messages/en.json";
import { Suspense } from "react";
import { PersonPage } from "@/components/community/person-page";
import { Skeleton } from "@/components/ui/states";

export const metadata: Metadata = { title: english.titles.person };

export default function Page() {
  return (
    <Suspense fallback={<Skeleton className="mx-auto mt-16 h-64 w-[calc(100%-2rem)] max-w-[1120px]" />}>
      <PersonPage />
    </Suspense>
  );
}
