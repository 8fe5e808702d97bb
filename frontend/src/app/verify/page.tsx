import type { Metadata } from "next";
import english from "@messages/en.json";
import { VerifyEmail } from "@/components/account/verify-email";

export const metadata: Metadata = { title: english.titles.verify };

/** Where the link of the mail leads: `/verify/#token=…`. */
export default function Page() {
  return <VerifyEmail />;
}
