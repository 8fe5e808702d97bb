import type { Metadata } from "next";
import { PersonPage } from "@/components/community/person-page";

export const metadata: Metadata = { title: "Profile" };

export default function Page() {
  return <PersonPage />;
}
