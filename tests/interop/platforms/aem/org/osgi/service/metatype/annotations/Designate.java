package org.osgi.service.metatype.annotations;

/** As OSGi has it. */
public @interface Designate {
    Class<?> ocd();
}
