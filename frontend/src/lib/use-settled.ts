"use client";

import { useEffect, useState } from "react";

/** A value once it has not changed for a while; emptied at once, so that leaving a search does not wait. */
export function useSettled(value: string, milliseconds = 250): string {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    if (!value) return setSettled(value);
    const timer = setTimeout(() => setSettled(value), milliseconds);
    return () => clearTimeout(timer);
  }, [value, milliseconds]);
  return value ? settled : value;
}
