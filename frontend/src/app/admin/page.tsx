import type { Metadata } from "next";
import { Admin } from "@/components/admin/admin";

export const metadata: Metadata = { title: "Admin" };

/** For whoever runs this server. */
export default function Page() {
  return <Admin />;
}
