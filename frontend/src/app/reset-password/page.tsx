import type { Metadata } from "next";
import english from "@messages/en.json";
import { ResetPassword } from "@/components/account/reset-password";

export const metadata: Metadata = { title: english.titles.resetPassword };

/** Where the link of the mail leads: `/reset-password/#token=…`. */
export default function Page() {
  return <ResetPassword />;
}
